"""The peers: the same four operations, written as the documentation of each framework shows."""
