"""Alembic's entry point: it runs this file, by its path, for each migration."""

from app.database.migrations.environment import run_migrations

run_migrations()
