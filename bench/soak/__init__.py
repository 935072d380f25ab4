"""Whether the memory of a server grows while it answers."""
