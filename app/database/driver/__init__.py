"""Connections, statements and the errors of PostgreSQL."""
