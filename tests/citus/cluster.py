"""Databases that span the machines of a real Citus."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import URL

from app.database.driver.url import DatabaseUrl


class Node(NamedTuple):
    """A machine of the cluster."""

    host: str
    port: int
    is_coordinator: bool


@asynccontextmanager
async def spanning_database(server: DatabaseUrl) -> AsyncIterator[DatabaseUrl]:
    """Create an empty database on all machines of the cluster that `server` belongs to.

    Citus is neither among Debian's packages nor on PyPI, so CI has none. This is the one part that
    may be missing there: tests that need it are skipped. To run them, set TEST_DATABASE_URL to a
    database of a coordinator with workers. While another database is created there, Citus prevents
    the roles from logging in to the workers, so no other tests may run at the same time.
    """
    url = server.for_sqlalchemy.set(drivername="postgresql")
    nodes = await _nodes(url)
    if not any(not node.is_coordinator for node in nodes):
        pytest.skip("TEST_DATABASE_URL does not lead to a Citus with workers")
    name = f"test_{uuid4().hex}"
    addresses = [url.set(host=node.host, port=node.port) for node in nodes]
    for address in addresses:
        await _execute(address, f"CREATE DATABASE {name}")
        await _execute(address.set(database=name), "CREATE EXTENSION citus")
    made = url.set(database=name)
    for node in nodes:
        join = "citus_set_coordinator_host" if node.is_coordinator else "citus_add_node"
        await _execute(made, f"SELECT {join}('{node.host}', {node.port})")
    try:
        yield DatabaseUrl(made.render_as_string(hide_password=False))
    finally:
        for address in addresses:
            await _execute(address, f"DROP DATABASE {name} WITH (FORCE)")


async def _nodes(url: URL) -> list[Node]:
    """Return the machines of the cluster, the coordinator first; an empty list without Citus."""
    connection = await asyncpg.connect(url.render_as_string(hide_password=False))
    try:
        rows = await connection.fetch(
            "SELECT nodename, nodeport, groupid = 0 FROM pg_dist_node ORDER BY groupid"
        )
    except asyncpg.UndefinedTableError:
        return []
    finally:
        await connection.close()
    return [Node(*row) for row in rows]


async def _execute(url: URL, command: str) -> None:
    connection = await asyncpg.connect(url.render_as_string(hide_password=False))
    await connection.execute(command)
    await connection.close()
