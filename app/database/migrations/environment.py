"""Alembic's environment: migrations run on the connection that `migrate` passes in."""

from typing import Any

from alembic import context
from sqlalchemy import text

from ..wall.grants import close_to_others
from .version import TABLE, is_at_head


def run_migrations() -> None:
    """Run the migrations that Alembic was asked for, unless another process just did."""
    connection = context.config.attributes["connection"]
    wall = context.config.attributes["wall"]
    schema = connection.scalar(text("SELECT current_schema()"))
    table = f"{connection.scalar(text('SELECT quote_ident(current_schema())'))}.{TABLE}"
    connection.rollback()  # Alembic begins its own transactions

    def close(*_: Any, **__: Any) -> None:  # noqa: ANN401 - Alembic's
        """Revoke the rights of others on new tables before the migration commits."""
        close_to_others(connection, wall)

    context.configure(
        connection=connection,
        transaction_per_migration=True,
        version_table=TABLE,
        version_table_schema=schema,
        on_version_apply=close,
    )
    # Lock in the transaction of the migration, which Alembic continues: a process that has lost
    # the connection with the migration lock may still be running a migration.
    connection.execute(text(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))
    found = connection.scalar(text(f"SELECT version_num FROM {table}"))  # noqa: S608 - quoted
    if not is_at_head(found or "", wall):
        with context.begin_transaction():
            context.run_migrations()
