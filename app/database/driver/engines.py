"""SQLAlchemy engines for the login, which migrates and maintains the database."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from .url import DatabaseUrl

LOCK_TIMEOUT_MS = 500
"""How long a transaction of the login waits for a lock.

It is shorter than PostgreSQL's `deadlock_timeout` (one second by default), so that this transaction
gives up before PostgreSQL cancels another one that waits for it.
"""

_NO_CACHES = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
"""Disable the caches of prepared statements of asyncpg and SQLAlchemy.

Behind a pooler, the next transaction may get a server connection without those statements.
"""


def make_engine(
    url: DatabaseUrl,
    pooler: bool,
    timeouts: Mapping[str, int],
    settings: Mapping[str, str],
    **pool: Any,  # noqa: ANN401 - SQLAlchemy's
) -> AsyncEngine:
    """Create an engine, which connects when it is first used.

    `timeouts` are the driver's, in seconds; `settings` are PostgreSQL's, and apply to each session.
    """
    arguments = {**timeouts, **url.connect_arguments, **(_NO_CACHES if pooler else {})}
    if settings:
        arguments["server_settings"] = {**arguments.get("server_settings", {}), **settings}
    return create_async_engine(
        url.for_sqlalchemy,
        # Do not use the default of the database: with a stricter level, an index that is built
        # concurrently waits for the transaction that holds the migration lock.
        isolation_level="READ COMMITTED",
        hide_parameters=True,  # an error in the log must not quote what users have written
        connect_args=arguments,
        **pool,
    )


def lift_timeouts(connection: Connection) -> None:
    """Remove the time limit of a transaction's statements; limit their wait for locks."""
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
