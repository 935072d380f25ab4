"""Exact counts of what does not vary between runs: round trips, and rows that are read."""
