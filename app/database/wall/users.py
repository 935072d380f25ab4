"""A check whether a database has any user."""

from sqlalchemy import text

from ..database import Database
from .citus import layout_seen_by
from .policies import PURGE_ROLE


async def has_users(database: Database) -> bool:
    """Return whether there is a user, read as the only role that sees all users.

    Raises `DatabaseUnavailableError`.
    """
    wall = database.wall
    exists = text(f"SELECT EXISTS (SELECT {wall.user_key} FROM {wall.users})")  # noqa: S608 - ours
    async with database.transaction() as connection:
        layout = await layout_seen_by(connection, wall)
        await connection.execute(text(layout.local([f"SET LOCAL ROLE {PURGE_ROLE}"])))
        return bool(await connection.scalar(exists))
