"""The schema: its migrations, and whose tables they may touch."""
