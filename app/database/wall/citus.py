"""Citus: the tables distributed by user over several machines, each user on one of them."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.wall.policies import OWNER_COLUMNS, PURGE_ROLE, ROLES, SETTING

HAS_CITUS = "to_regclass('pg_dist_partition') IS NOT NULL"
IS_DISTRIBUTED = (
    "SELECT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = to_regclass('users'))"
)
_DISTRIBUTED = text("SELECT logicalrelid::text FROM pg_dist_partition")
_FOREIGN_KEY = "FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE"


class CitusMissingError(Exception):
    """The database has no Citus; the message contains the SQL to run."""


async def has_citus(connection: AsyncConnection) -> bool:
    """Return whether the database has the extension Citus."""
    answer: bool = (await connection.execute(text(f"SELECT {HAS_CITUS}"))).scalar_one()
    return answer


async def is_distributed(connection: AsyncConnection) -> bool:
    """Return whether the tables are distributed."""
    return await has_citus(connection) and bool(
        (await connection.execute(text(IS_DISTRIBUTED))).scalar_one()
    )


async def require_citus(connection: AsyncConnection) -> None:
    """Raise `CitusMissingError` if the database cannot distribute tables."""
    if not await has_citus(connection):
        raise CitusMissingError(
            "this database lacks the extension citus. Ask an administrator to create it on every "
            "machine and to add the machines to the coordinator, then try again:\n\n"
            "    CREATE EXTENSION citus;\n\n"
            "    SELECT citus_set_coordinator_host('COORDINATOR', 5432);\n\n"
            "    SELECT citus_add_node('WORKER', 5432);\n"
        )


async def distribute(connection: AsyncConnection) -> None:
    """Distribute the tables that are not distributed yet, in the transaction of the connection."""
    done = set(await connection.scalars(_DISTRIBUTED))
    await _execute(connection, *_commands([name for name in OWNER_COLUMNS if name not in done]))


async def _execute(connection: AsyncConnection, *commands: str) -> None:
    for command in commands:
        await connection.execute(text(command))


def _commands(tables: list[str]) -> list[str]:
    others = [table for table in tables if table != "users"]
    return [
        # Use one connection to each machine for the whole transaction, as foreign keys require.
        "SET LOCAL citus.multi_shard_modify_mode = 'sequential'",
        *(f"ALTER TABLE {table} DROP CONSTRAINT {table}_user_id_fkey" for table in others),
        *(_policy(table) for table in tables),
        # Privileges on single columns are not passed on to the other machines.
        f"GRANT SELECT, UPDATE ON users TO {PURGE_ROLE}",
        *(_distribution(table) for table in tables),
        *(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_user_id_fkey {_FOREIGN_KEY}"
            for table in others
        ),
        *_let_in(),
    ]


def _policy(table: str) -> str:
    condition = f"{OWNER_COLUMNS[table]} = NULLIF(current_setting('{SETTING}', true), '')"
    return f"ALTER POLICY {table}_owner ON {table} USING ({condition}) WITH CHECK ({condition})"


def _distribution(table: str) -> str:
    colocation = "" if table == "users" else ", colocate_with := 'users'"
    return f"SELECT create_distributed_table('{table}', '{OWNER_COLUMNS[table]}'{colocation})"


def _let_in() -> list[str]:
    """Return the commands with which the coordinator can log in to the other machines.

    It logs in there as the role of the transaction.
    """
    return [
        *(f"ALTER ROLE {role} LOGIN" for role in ROLES),
        "SET LOCAL citus.enable_alter_role_propagation = off",
        *(f"ALTER ROLE {role} NOLOGIN" for role in ROLES),
    ]
