"""Tests of what runs Taskward: container, systemd, and the page that tells how."""
