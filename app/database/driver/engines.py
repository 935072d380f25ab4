"""The connections of the login, which migrates and looks after the database, through SQLAlchemy."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.database.driver.url import DatabaseUrl

LOCK_TIMEOUT_MS = 500
"""Less than PostgreSQL's `deadlock_timeout`: who waits for what waits for it gives up first."""

_NO_CACHES = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
"""Of the driver and of SQLAlchemy: what one connection has prepared, the next does not know."""


def make_engine(
    url: DatabaseUrl,
    pooler: bool,
    timeouts: Mapping[str, int],
    settings: Mapping[str, str],
    **pool: Any,  # noqa: ANN401 - SQLAlchemy's
) -> AsyncEngine:
    """Make an engine, which connects when it is first used.

    `timeouts` are the driver's, in seconds; `settings` are those of PostgreSQL for each session.
    """
    arguments = {**timeouts, **url.connect_arguments, **(_NO_CACHES if pooler else {})}
    if settings:
        arguments["server_settings"] = {**arguments.get("server_settings", {}), **settings}
    return create_async_engine(
        url.for_sqlalchemy,
        # Not the database's own default: with a stricter one, an index that is built concurrently
        # waits for the transaction that holds the lock of migrations.
        isolation_level="READ COMMITTED",
        hide_parameters=True,  # an error in the log must not quote what users have written
        connect_args=arguments,
        **pool,
    )


def be_unhurried(connection: Connection) -> None:
    """Remove the time limit of a transaction's statements; limit their wait for locks."""
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
