"""The tables distributed by user with Citus, for when one PostgreSQL is not enough."""
