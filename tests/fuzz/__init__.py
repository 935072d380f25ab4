"""Schemathesis against the running server."""
