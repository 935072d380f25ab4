"""Alembic's entry point: it runs this file, by its path, for each migration."""

from alembic import context

# A file that is run by its path has no package, so it gets functions of Taskward this way.
context.config.attributes["run_migrations"]()
