"""Citus: the tables distributed by user over several machines, each user on one of them.

Everything that is specific to Citus is here.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles

from ..driver.statements import SetOwner
from .layout import ONE_POSTGRESQL, Layout
from .policies import PURGE_ROLE, ROLES, SETTING
from .tables import Wall

_HAS_CITUS = "SELECT to_regclass('pg_dist_partition') IS NOT NULL"
_DISTRIBUTED = text("SELECT logicalrelid::text FROM pg_dist_partition")
_OWNER = f"NULLIF(current_setting('{SETTING}', true), '')"


class CitusMissingError(Exception):
    """The database has no Citus; the message contains the SQL to run."""


class _Dialect(PGDialect_asyncpg):
    name = "citus"


class CitusLayout(Layout):
    """The tables are distributed."""

    # Citus supports no policy with a subquery.
    policy = f"NULLIF(current_setting('{SETTING}'::text, true), ''::text)"
    is_distributed = True
    dialect = _Dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's

    def privileges(self, privileges: AbstractSet[str]) -> AbstractSet[str]:
        """Return the privileges, and for those on columns the same on the whole table.

        Citus does not pass on privileges on columns to the other machines.
        """
        return privileges | {each.partition(" ")[0] for each in privileges}

    def local(self, commands: Sequence[str]) -> str:
        """Return the SQL for settings that also apply on the machine with the user's rows."""
        # Citus repeats the whole message there; with a block, that is this command.
        propagate = "SET LOCAL citus.propagate_set_commands = 'local'"
        return f"DO $$ BEGIN {'; '.join([propagate, *commands])}; END $$"

    async def require(self, connection: AsyncConnection) -> None:
        """Raise `CitusMissingError` if the database cannot distribute tables."""
        if not await connection.scalar(text(_HAS_CITUS)):
            raise CitusMissingError(
                "this database lacks the extension citus. Ask an administrator to create it on "
                "every machine and to add the machines to the coordinator, then try again:\n\n"
                "    CREATE EXTENSION citus;\n\n"
                "    SELECT citus_set_coordinator_host('COORDINATOR', 5432);\n\n"
                "    SELECT citus_add_node('WORKER', 5432);\n"
            )

    async def distribute(self, connection: AsyncConnection, wall: Wall) -> None:
        """Distribute the tables that are not distributed yet, in the connection's transaction."""
        done = set(await connection.scalars(_DISTRIBUTED))
        for command in _commands(wall, [name for name in wall.tables if name not in done]):
            await connection.execute(text(command))


CITUS = CitusLayout()


@compiles(SetOwner, "citus")
def _compile(*_: object, **__: object) -> str:
    # Citus rejects changes in a statement with a volatile function.
    return "true"


async def layout_of(fetch_value: Callable[[str], Awaitable[Any]], wall: Wall) -> Layout:
    """Return the layout of the tables; `fetch_value` runs a statement and returns its value."""
    if not await fetch_value(_HAS_CITUS):
        return ONE_POSTGRESQL
    rows = f"FROM pg_dist_partition WHERE logicalrelid = to_regclass('{wall.users}')"
    return CITUS if await fetch_value(f"SELECT EXISTS (SELECT {rows})") else ONE_POSTGRESQL


async def layout_seen_by(connection: AsyncConnection, wall: Wall) -> Layout:
    """Return the layout of the tables that a transaction of the login sees."""
    return await layout_of(lambda sql: connection.scalar(text(sql)), wall)


def _commands(wall: Wall, tables: Sequence[str]) -> Iterator[str]:
    others = [table for table in tables if table != wall.users]
    foreign_keys = {table: f"{table}_{wall.owner_column}_fkey" for table in others}
    # Use one connection to each machine for the whole transaction, as foreign keys require.
    yield "SET LOCAL citus.multi_shard_modify_mode = 'sequential'"
    for table, name in foreign_keys.items():
        yield f"ALTER TABLE {table} DROP CONSTRAINT {name}"
    for table in tables:
        condition = f"{wall.owner_columns[table]} = {_OWNER}"
        yield f"ALTER POLICY {table}_owner ON {table} USING ({condition}) WITH CHECK ({condition})"
    for table in tables:
        given = wall.privileges(PURGE_ROLE, table)
        if missing := CITUS.privileges(given) - given:
            yield f"GRANT {', '.join(sorted(missing))} ON {table} TO {PURGE_ROLE}"
    for table in tables:
        colocation = "" if table == wall.users else f", colocate_with := '{wall.users}'"
        column = wall.owner_columns[table]
        yield f"SELECT create_distributed_table('{table}', '{column}'{colocation})"
    for table, name in foreign_keys.items():
        yield (
            f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({wall.owner_column}) "
            f"REFERENCES {wall.users} ({wall.user_key}) ON DELETE CASCADE"
        )
    # The coordinator logs in to the other machines as the role of the transaction.
    yield from (f"ALTER ROLE {role} LOGIN" for role in ROLES)
    yield "SET LOCAL citus.enable_alter_role_propagation = off"
    yield from (f"ALTER ROLE {role} NOLOGIN" for role in ROLES)
