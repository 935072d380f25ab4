"""Tests of the project itself: README, wheel, lock files."""
