"""The soak: whether the memory of a server grows while it serves."""
