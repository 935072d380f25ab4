"""Tests of the second wall: row-level security, under a role with few other privileges."""
