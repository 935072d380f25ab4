"""Tasks: the routes, the SQL and the tables of users' to-do items."""
