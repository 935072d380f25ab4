"""The peers: the same four operations, as each framework's own documentation writes them."""
