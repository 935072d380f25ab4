"""The roles of transactions: created if they are missing, and granted to the login."""

from collections.abc import Sequence

from sqlalchemy import TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from .policies import ROLES

_EXISTS = text("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :role)")
_LOGIN = text("SELECT quote_ident(CURRENT_USER)")

INSUFFICIENT_PRIVILEGE = "42501"


class RoleRefusedError(Exception):
    """The login may not create a role or switch to it; the message contains the SQL to run."""


async def ensure_roles(connection: AsyncConnection) -> None:
    """Create the roles, and grant them to the login.

    Raises `RoleRefusedError` if the login lacks the privileges.
    """
    login = (await connection.execute(_LOGIN)).scalar_one()
    missing: list[str] = []
    for role in ROLES:
        create, grant = _create(role), f"GRANT {role} TO {login}"
        exists = (await connection.execute(_EXISTS, {"role": role})).scalar_one()
        # Databases of one cluster share their roles: another process may just have created one.
        race = "EXCEPTION WHEN duplicate_object OR unique_violation THEN"
        once = text(f"DO $$ BEGIN {create}; {race} END $$")
        if not exists and not await _allowed(connection, once):
            missing += [create, grant]
        elif not await may_take_role(connection, role) and not await _allowed(
            connection, text(grant)
        ):
            missing.append(grant)
    if missing:
        raise _refusal(login, missing)


async def may_take_role(connection: AsyncConnection, role: str) -> bool:
    """Return whether the login can switch a transaction to the role."""
    return await _allowed(connection, take_role(role), keep=False)


def take_role(role: str) -> TextClause:
    """Return the command that switches the rest of a transaction to the role."""
    return text(f"SET LOCAL ROLE {role}")


async def _allowed(connection: AsyncConnection, command: TextClause, *, keep: bool = True) -> bool:
    try:
        async with connection.begin_nested() as savepoint:
            await connection.execute(command)
            if not keep:
                await savepoint.rollback()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != INSUFFICIENT_PRIVILEGE:
            raise
        return False
    return True


def _create(role: str) -> str:
    powers = "NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION"
    return f"CREATE ROLE {role} {powers}"


def _refusal(login: str, commands: Sequence[str]) -> RoleRefusedError:
    lines = "".join(f"\n\n    {command};" for command in commands)
    return RoleRefusedError(
        f"the login {login} may not set up the roles that separate users. "
        f"Ask a database administrator to run this once, then try again:{lines}\n"
    )
