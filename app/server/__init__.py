"""Hypercorn and what stands around the app: guard, envelope, logs, health."""
