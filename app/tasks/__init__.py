"""Tasks: the routes, the store and the tables of one user's to-do items."""
