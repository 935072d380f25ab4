"""Requests that wait for changes: in one process, and between processes."""
