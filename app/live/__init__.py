"""Requests that wait for changes, and the signals between processes that tell them when to look."""
