"""The tests. They run on a real PostgreSQL, over real sockets, in random order."""
