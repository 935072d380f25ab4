"""Delete expired rows: idempotency keys after one day, tombstones after thirty days."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    DateTime,
    Integer,
    Interval,
    Select,
    Table,
    Text,
    bindparam,
    delete,
    func,
    literal,
    select,
    tuple_,
    update,
)

from ..database.database import Database
from ..database.driver.housekeeping import BusyError, Housekeeping, LeftError, in_portions
from ..database.wall.policies import PURGE_ROLE
from .models import idempotency_keys, tombstones, users
from .wall import KEYS_EXPIRE, TOMBSTONES_EXPIRE

ROWS_AT_ONCE = 1000
"""How many expired rows one query finds."""

# The number is arbitrary. All versions of Taskward use it, and no other work does.
_LOCK = 7402271104
_EXPIRIES = {idempotency_keys: KEYS_EXPIRE, tombstones: TOMBSTONES_EXPIRE}
_AGE: dict[Table, Column[datetime]] = {
    table: table.c[expiry.column] for table, expiry in _EXPIRIES.items()
}
_EXPIRED: dict[Table, ColumnElement[bool]] = {
    table: _AGE[table] < func.now() - literal(expiry.lifetime, Interval)
    for table, expiry in _EXPIRIES.items()
}
_USER = bindparam("user", type_=Text)
_ROWS = bindparam("rows", type_=BigInteger)
_FLOOR = bindparam("floor", type_=BigInteger)


class Purged(NamedTuple):
    """The deleted rows, the number of users with expired rows left, and the reasons for those."""

    idempotency_keys: int = 0
    tombstones: int = 0
    left: int = 0
    reasons: tuple[str, ...] = ()


class _PurgeCursor(NamedTuple):
    """The position of a walk through expired rows, oldest first."""

    age: datetime = datetime.min.replace(tzinfo=UTC)
    user_id: str = ""


async def purge(database: Database) -> Purged:
    """Delete expired rows, user by user. Stop early if another process purges at the same time.

    A user whose rows cannot be deleted is retried in the next run. Raises
    `DatabaseUnavailableError`. Rows deleted before that stay deleted.
    """
    run = _Run()
    try:
        async with database.housekeeping(_LOCK) as run.house:
            await run.walk(idempotency_keys)
            await run.walk(tombstones)
    except BusyError:
        pass
    reasons = tuple(sorted(set(run.left.values())))
    return Purged(run.dropped[idempotency_keys], run.dropped[tombstones], len(run.left), reasons)


class _Run:
    """One purge."""

    house: Housekeeping

    def __init__(self) -> None:
        self.dropped = {idempotency_keys: 0, tombstones: 0}
        """The number of rows deleted from each table."""
        self.left: dict[str, str] = {}
        """The reason for each user whose rows could not be deleted."""

    async def walk(self, table: Table) -> None:
        """Walk through the expired rows of a table once, and delete those of each user found."""
        cursor, failed = _PurgeCursor(), set[str]()
        while found := await self._next(table, cursor):
            for user_id in dict.fromkeys(each.user_id for each in found):
                # Do not retry a user in the same walk.
                if user_id not in failed and not await self._drop(table, user_id):
                    failed.add(user_id)
            cursor = found[-1]

    async def _next(self, table: Table, cursor: _PurgeCursor) -> list[_PurgeCursor]:
        async with self.house.transaction(PURGE_ROLE) as transaction:
            rows = await transaction.read(NEXT_EXPIRED[table], **cursor._asdict())
        return [_PurgeCursor(*row) for row in rows]

    async def _drop(self, table: Table, user_id: str) -> bool:
        drop = self._drop_keys if table is idempotency_keys else self._drop_tombstones
        try:
            await in_portions(lambda rows: drop(user_id, rows))
        except LeftError as error:
            self.left[user_id] = str(error)
            return False
        return True

    async def _drop_keys(self, user_id: str, rows: int) -> int:
        async with self.house.transaction(PURGE_ROLE) as transaction:
            found = await transaction.change(DELETE_KEYS, user=user_id, rows=rows)
        return self._count(idempotency_keys, found[0][0])

    async def _drop_tombstones(self, user_id: str, rows: int) -> int:
        """Delete a portion of a user's tombstones. Return how many were deleted.

        Raise the feed's floor first, so that no token from before them is valid once they are
        gone.
        """
        async with self.house.transaction(PURGE_ROLE) as transaction:
            floor = (await transaction.read(SELECT_FLOOR, user=user_id, rows=rows))[0][0]
            if floor is None:
                return 0
            await transaction.change(RAISE_FLOOR, user=user_id, floor=floor)
        async with self.house.transaction(PURGE_ROLE) as transaction:
            found = await transaction.change(DELETE_TOMBSTONES, user=user_id, floor=floor)
        return self._count(tombstones, found[0][0])

    def _count(self, table: Table, count: int) -> int:
        self.dropped[table] += count
        return count


def _next_expired(table: Table) -> Select[datetime, str]:
    """Return a statement for the next expired rows after a cursor. Rows are `(age, user_id)`.

    Rows of one batch have the same time. They count as one.
    """
    age, user_id = _AGE[table], table.c.user_id
    cursor_age = bindparam("age", type_=DateTime(timezone=True))
    cursor = tuple_(cursor_age, bindparam("user_id", type_=Text))
    return (
        select(age, user_id)
        .where(_EXPIRED[table], age >= cursor_age, tuple_(age, user_id) > cursor)
        .distinct()
        .order_by(age, user_id)
        .limit(ROWS_AT_ONCE)
    )


def _delete_keys() -> Select[int]:
    of_user = idempotency_keys.c.user_id == _USER, _EXPIRED[idempotency_keys]
    names = idempotency_keys.c.operation, idempotency_keys.c.key
    portion = select(*names).where(*of_user).limit(_ROWS).cte("portion")
    matches = (column == portion.c[column.name] for column in names)
    return _counted(idempotency_keys, *of_user, *matches)


def _counted(table: Table, *conditions: ColumnElement[bool]) -> Select[int]:
    gone = delete(table).where(*conditions).returning(literal(1, Integer)).cte("gone")
    return select(func.count()).select_from(gone)


def _expired_tombstones() -> Iterator[ColumnElement[bool]]:
    yield tombstones.c.user_id == _USER
    yield _EXPIRED[tombstones]


_OLDEST = (
    select(tombstones.c.revision)
    .where(*_expired_tombstones())
    .order_by(tombstones.c.revision)
    .limit(_ROWS)
    .subquery("oldest")
)

NEXT_EXPIRED = {table: _next_expired(table) for table in _EXPIRED}
DELETE_KEYS = _delete_keys()
SELECT_FLOOR = select(func.max(_OLDEST.c.revision))
RAISE_FLOOR = (
    update(users)
    .where(users.c.id == _USER, users.c.feed_floor < _FLOOR)
    .values(feed_floor=_FLOOR)
    .returning(users.c.id)
)
DELETE_TOMBSTONES = _counted(tombstones, *_expired_tombstones(), tombstones.c.revision <= _FLOOR)
