"""Tests of the deployment: container, systemd, and the guides."""
