"""Tests of the embedded PostgreSQL: real processes, ended in every way."""
