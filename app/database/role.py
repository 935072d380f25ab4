"""The role of user transactions: made where it is missing, and open to the role that logs in."""

from sqlalchemy import TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.wall import ROLE

_CREATE = (
    f"CREATE ROLE {ROLE} NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION"
)
_GRANT = f"GRANT {ROLE} TO"

_EXISTS = text("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :role)").bindparams(role=ROLE)
_LOGIN = text("SELECT quote_ident(CURRENT_USER)")
# Databases of one cluster share their roles, so another may make it at the same moment.
_CREATE_ONCE = text(
    f"DO $$ BEGIN {_CREATE}; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$"
)
TAKE_ROLE = text(f"SET LOCAL ROLE {ROLE}")

INSUFFICIENT_PRIVILEGE = "42501"


class RoleRefusedError(Exception):
    """The login may not make the role or not take it on; the message has the SQL to run."""


async def ensure_role(connection: AsyncConnection) -> None:
    """Make the role, and let the login take it on.

    Raises `RoleRefusedError` where the login has not the rights for that.
    """
    login = (await connection.execute(_LOGIN)).scalar_one()
    grant = f"{_GRANT} {login}"
    exists = (await connection.execute(_EXISTS)).scalar_one()
    if not exists and not await _allowed(connection, _CREATE_ONCE):
        raise _refusal(login, _CREATE, grant)
    if not await may_take_role(connection) and not await _allowed(connection, text(grant)):
        raise _refusal(login, grant)


async def may_take_role(connection: AsyncConnection) -> bool:
    """Tell whether the login can run a transaction as the role."""
    return await _allowed(connection, TAKE_ROLE, keep=False)


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


def _refusal(login: str, *commands: str) -> RoleRefusedError:
    lines = "".join(f"\n\n    {command};" for command in commands)
    return RoleRefusedError(
        f"the login {login} may not set up the role {ROLE}, which keeps users apart. "
        f"Let an administrator of the database run this once, then try again:{lines}\n"
    )
