"""Tests of the metrics: what is recorded, and who can read it."""
