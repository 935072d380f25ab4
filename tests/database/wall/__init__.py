"""The second wall: row-level security, under a role that can do little else."""
