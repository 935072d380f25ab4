"""Several processes on one socket: the supervisor, and its side in each worker."""
