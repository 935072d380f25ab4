"""Several machines behind a proxy, which share PostgreSQL and Redis and nothing else."""
