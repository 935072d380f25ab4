"""Erase users: hide all their rows at once, then delete the rows in portions."""

from functools import partial
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    ClauseElement,
    Insert,
    Integer,
    Label,
    Select,
    Table,
    Text,
    Uuid,
    bindparam,
    delete,
    exists,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from ..database.database import Database
from ..database.driver.housekeeping import Housekeeping, LeftError, in_portions
from ..database.driver.statements import OWNER, SET_OWNER
from ..database.wall.policies import PURGE_ROLE
from .models import erasures, idempotency_keys, tasks, tombstones, users
from .rows import HAS_DATA, IS_THE_OWNER, is_erased

USERS_AT_ONCE = 100
"""How many users one query for pending erasures returns."""

ERASED_AT_ONCE = 100
"""The most rows of each table that an erasure deletes before its response.

A user with more rows is only hidden. A background task deletes those rows.
"""

# The number is arbitrary. All versions of Taskward use it, and no other work does.
LOCK = 7402271105
_ROWS = bindparam("rows", type_=BigInteger)


class Finished(NamedTuple):
    """The number of users whose rows are all deleted, of users with rows left, and the reasons."""

    users: int = 0
    left: int = 0
    reasons: tuple[str, ...] = ()


async def finish_erasures(database: Database) -> Finished:
    """Delete the rows of every user whose erasure is not finished.

    A user whose rows cannot be deleted is retried in the next run. Raises `BusyError` while
    another process does this, and `DatabaseUnavailableError`. Rows deleted before that stay
    deleted.
    """
    finished, reasons = 0, []
    async with database.housekeeping(LOCK) as house:
        after = ""
        while found := await _pending(house, after):
            for user_id in found:
                try:
                    finished += await _finish(house, user_id)
                except LeftError as error:
                    reasons.append(str(error))
            after = found[-1]
    return Finished(finished, len(reasons), tuple(sorted(set(reasons))))


async def _pending(house: Housekeeping, after: str) -> list[str]:
    async with house.transaction(PURGE_ROLE) as transaction:
        rows = await transaction.read(SELECT_PENDING, after=after)
    return [row["user_id"] for row in rows]


async def _finish(house: Housekeeping, user_id: str) -> bool:
    """Delete the erased rows of a user, then the user, unless the user has new data.

    Return whether the user had an unfinished erasure. Raises `LeftError` if rows are left.
    """
    async with house.transaction(user_id=user_id) as transaction:
        erasure = await transaction.read(SELECT_ERASURE)
    if not erasure:
        return False
    for statement in DELETE_PORTION:
        await in_portions(partial(_delete, house, user_id, statement))
    async with house.transaction(user_id=user_id) as transaction:
        if await transaction.change(DELETE_USER):
            return True
        if await transaction.change(DELETE_ERASURE, revision=erasure[0]["revision"]):
            return True
    raise LeftError("rows are locked")


async def _delete(house: Housekeeping, user_id: str, statement: Select[int], rows: int) -> int:
    async with house.transaction(user_id=user_id) as transaction:
        deleted: int = (await transaction.change(statement, rows=rows))[0][0]
    return deleted


def _delete_portion(table: Table) -> Select[int]:
    keys = [column for column in table.primary_key if column.name != "user_id"]
    portion = (
        select(*keys)
        .where(SET_OWNER, table.c.user_id == OWNER, is_erased(table))
        .limit(_ROWS)
        .with_for_update(of=table, skip_locked=True)
    )
    if table is not idempotency_keys:
        # These tables have an index in this order.
        portion = portion.order_by(table.c.revision)
    some = portion.cte("portion")
    matches = [table.c[key.name] == some.c[key.name] for key in keys]
    gone = (
        delete(table)
        .where(SET_OWNER, table.c.user_id == OWNER, *matches)
        .returning(literal(1, Integer))
        .cte("gone")
    )
    return select(func.count()).select_from(gone)


def _delete_small_user() -> ClauseElement:
    """Delete the owner's row, and all other rows by its foreign keys, if each table has few."""
    few = []
    for table in (tasks, tombstones, idempotency_keys):
        rows = select(_weight(table)).where(SET_OWNER, table.c.user_id == OWNER)
        some = rows.limit(ERASED_AT_ONCE + 1).subquery(f"some_{table.name}")
        weight = func.coalesce(func.sum(some.c.weight), 0)
        few.append(select(weight).scalar_subquery() <= ERASED_AT_ONCE)
    return delete(users).where(SET_OWNER, IS_THE_OWNER, *few).returning(users.c.id)


def _weight(table: Table) -> Label[int]:
    """Return how much a row counts: more for a long body, which takes longer to delete.

    Version 0.2 stored bodies of megabytes with idempotency keys.
    """
    if "body" not in table.c:
        return literal(1, Integer).label("weight")
    return (1 + func.octet_length(table.c.body) // literal(10_000, Integer)).label("weight")


def _erase_user() -> Insert:
    """Hide all rows of the owner, and store that they must be deleted."""
    erased = (
        update(users)
        .where(SET_OWNER, HAS_DATA)
        .values(
            revision=users.c.revision + 1,
            erased_revision=users.c.revision + 1,
            feed_floor=users.c.revision + 1,
            task_count=0,
            # A parameter, because Citus rejects an update with a volatile function.
            epoch=bindparam("new_epoch", type_=Uuid),
            key_bytes=0,
            key_bytes_since=func.now(),
            deleted_bytes=0,
            deleted_bytes_since=func.now(),
        )
        .returning(users.c.id, users.c.revision)
        .cte("erased")
    )
    noted = postgresql.insert(erasures).from_select(
        ["user_id", "revision"], select(erased.c.id, erased.c.revision)
    )
    return noted.on_conflict_do_update(
        index_elements=[erasures.c.user_id],
        set_={name: noted.excluded[name] for name in ("revision", "requested_at")},
    ).returning(erasures.c.user_id)


_TABLES = (tasks, tombstones, idempotency_keys)
_NOTHING_IS_LEFT = [
    ~exists().where(SET_OWNER, table.c.user_id == OWNER, is_erased(table)) for table in _TABLES
]
_IS_THE_ERASURE = erasures.c.user_id == OWNER

SELECT_PENDING = (
    select(erasures.c.user_id)
    .where(erasures.c.user_id > bindparam("after", type_=Text))
    .order_by(erasures.c.user_id)
    .limit(USERS_AT_ONCE)
)
SELECT_ERASURE = select(erasures.c.revision).where(SET_OWNER, _IS_THE_ERASURE)
DELETE_PORTION = tuple(_delete_portion(table) for table in _TABLES)
# The foreign key of `erasures` deletes its row, too.
DELETE_USER = (
    delete(users)
    .where(
        SET_OWNER,
        IS_THE_OWNER,
        users.c.revision == users.c.erased_revision,
        *_NOTHING_IS_LEFT,
    )
    .returning(users.c.id)
)
DELETE_ERASURE = (
    delete(erasures)
    .where(
        SET_OWNER,
        _IS_THE_ERASURE,
        # A later erasure of the user has another revision, and is not finished.
        erasures.c.revision == bindparam("revision", type_=BigInteger),
        *_NOTHING_IS_LEFT,
    )
    .returning(erasures.c.user_id)
)
DELETE_SMALL_USER = _delete_small_user()
ERASE_USER = _erase_user()
