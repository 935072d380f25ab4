"""Upgrades: the schema changes while the version before reads and writes."""
