"""Tests of upgrades: the schema changes while the previous version reads and writes."""
