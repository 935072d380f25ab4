"""A check whether a database has any user."""

from sqlalchemy import text

from app.database.database import Database
from app.database.wall.citus import is_distributed
from app.database.wall.policies import PROPAGATION, PURGE_ROLE
from app.database.wall.role import take_role

_HAS_USERS = text("SELECT EXISTS (SELECT id FROM users)")


async def has_users(database: Database) -> bool:
    """Return whether there is a user, read as the only role that sees all users.

    Raises `DatabaseUnavailableError`.
    """
    async with database.transaction() as connection:
        if await is_distributed(connection):
            await connection.execute(text(f"SET LOCAL {PROPAGATION}"))
        await connection.execute(take_role(PURGE_ROLE))
        found: bool = (await connection.execute(_HAS_USERS)).scalar_one()
        return found
