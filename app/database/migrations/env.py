"""Alembic's environment: migrations run on the connection that `migrate` hands over."""

from typing import Any

from alembic import context
from sqlalchemy import text

from app.database.grants import close_to_others
from app.database.version import TABLE

connection = context.config.attributes["connection"]
schema = connection.scalar(text("SELECT current_schema()"))
connection.rollback()  # Alembic begins its own transactions


def close(*_: Any, **__: Any) -> None:  # noqa: ANN401 - Alembic's
    """Close new tables to others before the migration commits."""
    close_to_others(connection)


context.configure(
    connection=connection,
    transaction_per_migration=True,
    version_table=TABLE,
    version_table_schema=schema,
    on_version_apply=close,
)
with context.begin_transaction():
    context.run_migrations()
