"""Drops what has expired: idempotency keys after a day, tombstones after thirty."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import (
    ARRAY,
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
_USERS = bindparam("users", type_=ARRAY(Text))
# In one order, and before anything of theirs: so none waits for another that waits for it.
_LOCK_USERS = (
    select(users.c.id)
    .where(users.c.id == func.any(_USERS))
    .order_by(users.c.id)
    .with_for_update(key_share=True)
)


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
        found = {"users": await _users_with_expired(connection)}
        if not found["users"]:
            return None
        await connection.execute(_LOCK_USERS, found)
        keys = await connection.execute(_DROP_KEYS, found)
        return Purged(
            keys.rowcount, (await connection.execute(_DROP_TOMBSTONES, found)).scalar_one()
        )


async def _users_with_expired(connection: AsyncConnection) -> list[str]:
    found: set[str] = set()
    for statement in _OLDEST:
        found.update(await connection.scalars(statement))
    return sorted(found)


def _drop_tombstones() -> Executable:
    gone = (
        delete(tombstones)
        .where(tombstones.c.user_id == func.any(_USERS), _EXPIRED[tombstones])
        .returning(tombstones.c.user_id, tombstones.c.revision)
        .cte("gone")
    )
    floors = (
        select(gone.c.user_id, func.max(gone.c.revision).label("floor"))
        .group_by(gone.c.user_id)
        .cte("floors")
    )
    raised = (
        update(users)
        .where(users.c.id == floors.c.user_id)
        .values(feed_floor=func.greatest(users.c.feed_floor, floors.c.floor))
        .cte("raised")
    )
    return select(func.count()).select_from(gone).add_cte(raised)


_OLDEST = [
    select(table.c.user_id).where(expired).order_by(_AGE[table]).limit(USERS_AT_ONCE)
    for table, expired in _EXPIRED.items()
]
_DROP_KEYS = delete(idempotency_keys).where(
    idempotency_keys.c.user_id == func.any(_USERS), _EXPIRED[idempotency_keys]
)
_DROP_TOMBSTONES = _drop_tombstones()
