"""Bearer token to user: who is asking, and nothing else."""
