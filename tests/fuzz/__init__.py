"""Schemathesis attacks the running server."""
