"""Hypercorn and Quart with Taskward's overrides, listed in docs/explanation/overrides.md."""
