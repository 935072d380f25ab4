"""The change feed: what has changed since a token, and a token for the time after.

A reader that begins walks all tasks by revision. Tasks that were deleted before it began it has
never seen, so it need not be told of them: its tokens carry the revision from which deletions
matter to it, the horizon, besides its position. That is why a long walk survives a purge.
"""

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy import (
    BigInteger,
    ClauseElement,
    Select,
    bindparam,
    cast,
    null,
    select,
    union_all,
)

from app.database.driver.sessions import UserSession
from app.tasks.errors import ChangeTokenExpiredError
from app.tasks.models import tasks, tombstones, users
from app.tasks.page_sizes import read_page, running_size, with_user
from app.tasks.rows import kept_by_revision, task_of
from app.tasks.schemas import Change, ChangePage
from app.tasks.statements import COLUMNS

_LAYOUT = struct.Struct(">16sqq")
_NO_EPOCH = UUID(int=0)
_POSITION = bindparam("position", type_=BigInteger)
_HORIZON = bindparam("horizon", type_=BigInteger)
_ROW_LIMIT = bindparam("row_limit", type_=BigInteger)


class Place(NamedTuple):
    """Where a reader is: it has been told all changes up to `position`.

    Deletions up to `horizon` do not matter to it. Both are of one life of the account.
    """

    epoch: UUID
    position: int
    horizon: int

    @classmethod
    def decode(cls, token: str) -> "Place":
        """Read a token of the form that the contract asks for."""
        epoch, position, horizon = _LAYOUT.unpack(urlsafe_b64decode(f"{token}="))
        return cls(UUID(bytes=epoch), position, horizon)

    def encode(self) -> str:
        """Write it as 43 URL-safe characters. What is forged leads nowhere but to one's own."""
        packed = _LAYOUT.pack(self.epoch.bytes, self.position, self.horizon)
        return urlsafe_b64encode(packed).rstrip(b"=").decode()


_START = Place(_NO_EPOCH, 0, 0)
"""Where everybody begins, and where who has nothing yet stays."""


class ChangeStore:
    """The changes of the user of a session."""

    def __init__(self, session: UserSession) -> None:
        self._session = session
        self.lag: int | None = None
        """How many revisions there were since the token that was asked with.

        None of who still reads for the first time, and has fallen behind nothing.
        """

    async def since(self, token: str | None, limit: int) -> ChangePage:
        """Read at most `limit` changes after a token, or from the beginning.

        A page also ends at `PAGE_OCTETS`.
        Raises `ChangeTokenExpiredError` where it cannot be told what has changed since.
        """
        asked = place = Place.decode(token) if token else _START
        begins = place.epoch == _NO_EPOCH
        rows, has_more = await read_page(
            self._session.read,
            lambda sized: _select_changes(begins=begins, sized=sized),
            limit,
            position=place.position,
            horizon=place.horizon,
        )
        if not rows:
            return _nothing(place)
        epoch, last, feed_floor = (rows[0][name] for name in ("epoch", "last", "feed_floor"))
        if begins:
            place = Place(epoch, 0, last)
        elif place.epoch != epoch or not max(feed_floor, place.position) <= place.horizon <= last:
            raise ChangeTokenExpiredError
        if token and asked.position >= asked.horizon:
            self.lag = last - place.position
        changes = [_change(row) for row in rows if row["id"] is not None]
        position = changes[-1].revision if has_more else last
        after = Place(epoch, position, max(position, place.horizon))
        return ChangePage(changes, after.encode(), has_more)


def _nothing(place: Place) -> ChangePage:
    """The changes of a user without a row: none, unless there once was one."""
    if place.epoch != _NO_EPOCH:
        raise ChangeTokenExpiredError
    return ChangePage([], _START.encode(), has_more=False)


def _change(row: asyncpg.Record) -> Change:
    task = task_of(row)
    deleted = row["title"] is None
    return Change(task.revision, task.id, deleted, None if deleted else task)


@cache
def _select_changes(*, begins: bool, sized: bool) -> ClauseElement:
    """Select a page; its rows begin with epoch, last revision and feed floor of the user.

    The rest is as of `with_user`.
    All are of one snapshot. Without a change there is one row, whose task is null. The row of a
    deletion is a task without a title.
    """
    found = kept_by_revision(tasks, *COLUMNS)
    if begins:
        page = found.limit(_ROW_LIMIT).subquery("page")
    else:
        updates = found.where(tasks.c.revision > _POSITION)
        arms = union_all(updates.limit(_ROW_LIMIT), _deletions()).subquery("arms")
        page = select(arms).order_by(arms.c.revision).limit(_ROW_LIMIT).subquery("page")
    if sized:
        page = select(page, running_size(page, [page.c.revision.asc()])).subquery("sized")
    about_user = users.c.epoch, users.c.revision.label("last"), users.c.feed_floor
    return with_user(page, *about_user).order_by(page.c.revision)


def _deletions() -> Select[Any]:
    columns = [
        tombstones.c[column.name]
        if column.name in tombstones.c
        else cast(null(), column.type).label(column.name)
        for column in COLUMNS
    ]
    return (
        kept_by_revision(tombstones, *columns)
        .where(tombstones.c.revision > _HORIZON)
        .limit(_ROW_LIMIT)
    )
