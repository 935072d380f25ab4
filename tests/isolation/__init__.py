"""Isolation: one user can neither see nor change what belongs to another."""
