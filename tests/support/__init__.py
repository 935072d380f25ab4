"""Helpers for tests of several folders: servers, databases, and checks of responses."""
