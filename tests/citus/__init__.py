"""Tests of tables that Citus distributes by user, for loads beyond one PostgreSQL."""
