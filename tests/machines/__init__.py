"""Several machines behind a proxy that share only PostgreSQL and Redis."""
