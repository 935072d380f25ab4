"""The schema: its migrations, and the check that its tables are Taskward's."""
