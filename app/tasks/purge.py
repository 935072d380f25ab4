"""Drops what has expired: idempotency keys after a day, tombstones after thirty."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Executable,
    Interval,
    Table,
    Text,
    bindparam,
    delete,
    func,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.database import Database
from app.database.role import take_role
from app.database.wall import PURGE_ROLE
from app.tasks.idempotency import LIFETIME
from app.tasks.models import idempotency_keys, tombstones, users

RETENTION = timedelta(days=30)
USERS_AT_ONCE = 100

# Any number will do, as long as every Taskward takes the same, and migrations take another.
_LOCK = text("SELECT pg_try_advisory_xact_lock(7402271104)")
_AGE: dict[Table, ColumnElement[datetime]] = {
    idempotency_keys: idempotency_keys.c.created_at,
    tombstones: tombstones.c.deleted_at,
}
_EXPIRED = {
    table: _AGE[table] < func.now() - literal(lifetime, Interval)
    for table, lifetime in ((idempotency_keys, LIFETIME), (tombstones, RETENTION))
}
_USER = bindparam("user", type_=Text)


class Purged(NamedTuple):
    """How much was dropped."""

    idempotency_keys: int = 0
    tombstones: int = 0


async def purge(database: Database) -> Purged:
    """Drop what has expired, of some users at a time; nothing while another process does so.

    Raises `DatabaseUnavailableError`; what was dropped until then stays dropped.
    """
    total = Purged()
    while purged := await _purge_some(database):
        total = Purged(*(sum(pair) for pair in zip(total, purged, strict=True)))
    return total


async def _purge_some(database: Database) -> Purged | None:
    async with database.transaction() as connection:
        if not (await connection.execute(_LOCK)).scalar_one():
            return None
        await connection.execute(take_role(PURGE_ROLE))
        found = await _users_with_expired(connection)
        if not found:
            return None
        # In one order, and each user's row before anything else: so none waits for another that
        # waits for it.
        purged = [(await connection.execute(PURGE_USER, {"user": user})).one() for user in found]
        return Purged(*(sum(column) for column in zip(*purged, strict=True)))


async def _users_with_expired(connection: AsyncConnection) -> list[str]:
    found: set[str] = set()
    for statement in _OLDEST:
        found.update(await connection.scalars(statement))
    return sorted(found)


def _purge_user() -> Executable:
    """Drop what has expired of one user; answers how many keys and tombstones that was."""
    locked = select(users.c.id).where(users.c.id == _USER).with_for_update(key_share=True)
    owner = locked.cte("locked")
    keys, gone = (
        delete(table)
        .where(table.c.user_id == _USER, table.c.user_id == owner.c.id, expired)
        .returning(table.c.user_id, *(table.c[name] for name in ("revision",) if name in table.c))
        .cte(f"gone_{table.name}")
        for table, expired in _EXPIRED.items()
    )
    floors = (
        select(gone.c.user_id, func.max(gone.c.revision).label("floor"))
        .group_by(gone.c.user_id)
        .cte("floors")
    )
    raised = (
        update(users)
        .where(users.c.id == _USER, users.c.id == floors.c.user_id)
        .values(feed_floor=func.greatest(users.c.feed_floor, floors.c.floor))
        .returning(users.c.id)
        .cte("raised")
    )
    counts = (select(func.count()).select_from(each).scalar_subquery() for each in (keys, gone))
    return select(*counts).add_cte(raised)


_OLDEST = [
    select(table.c.user_id).where(expired).order_by(_AGE[table]).limit(USERS_AT_ONCE)
    for table, expired in _EXPIRED.items()
]
PURGE_USER = _purge_user()
