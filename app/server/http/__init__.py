"""Hypercorn and Quart as Taskward runs them; each override is listed in docs."""
