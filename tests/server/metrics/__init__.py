"""Metrics: what is recorded, and who can ask for it."""
