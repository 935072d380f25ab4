"""Tests of the project itself: pages, wheel, lock files."""
