"""Tests of the embedded PostgreSQL, with real processes that exit in every way."""
