"""The change feed: the changes since a token, and the token for the next request.

The first sync of a reader walks all tasks in the order of their revisions. The reader has never
seen the tasks that were deleted before its first request, so the feed does not report them. For
that, a token has the horizon besides the position: only deletions after the horizon are reported.
Tombstones up to the horizon can be purged, so a long first sync survives a purge.
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
    ColumnElement,
    Integer,
    Select,
    bindparam,
    cast,
    literal_column,
    null,
    select,
    union_all,
)

from ..database.driver.sessions import UserSession
from .errors import ChangeTokenExpiredError
from .models import tasks, tombstones, users
from .page_sizes import paged, read_page, running_size, with_user
from .rows import kept_by_revision, task_of
from .schemas import Change, ChangePage

_LAYOUT = struct.Struct(">16sqq")
_NO_EPOCH = UUID(int=0)
_POSITION = bindparam("position", type_=BigInteger)
_HORIZON = bindparam("horizon", type_=BigInteger)
_ROW_LIMIT = bindparam("row_limit", type_=BigInteger)


class ChangeToken(NamedTuple):
    """The state of a reader of the feed: it has received all changes up to `position`.

    Deletions up to the revision `horizon` are not reported to it. Both are revisions of one epoch
    of the user.
    """

    epoch: UUID
    position: int
    horizon: int

    @classmethod
    def decode(cls, token: str) -> "ChangeToken":
        """Decode a token, whose form the contract has checked."""
        epoch, position, horizon = _LAYOUT.unpack(urlsafe_b64decode(f"{token}="))
        return cls(UUID(bytes=epoch), position, horizon)

    def encode(self) -> str:
        """Return the token as text, of 43 URL-safe characters.

        Tokens are not signed: a forged token only leads to another place in the user's own feed.
        """
        packed = _LAYOUT.pack(self.epoch.bytes, self.position, self.horizon)
        return urlsafe_b64encode(packed).rstrip(b"=").decode()


_START = ChangeToken(_NO_EPOCH, 0, 0)
"""The start of the feed, without a token and for a user who has no data yet."""


class ChangeStore:
    """The change feed of the user of a session."""

    def __init__(self, session: UserSession) -> None:
        self._session = session
        self.lag: int | None = None
        """The number of revisions since the token of the request, set by `since`.

        None during a first sync, which is not behind.
        """
        self.revision: int | None = None
        """The user's revision as of the last call of `since`; None if the user has no data."""

    async def since(self, token: str | None, limit: int) -> ChangePage:
        """Return at most `limit` changes after a token, or from the beginning if it is None.

        A page also ends at `PAGE_OCTETS`. Raises `ChangeTokenExpiredError` if the changes since
        the token are no longer known.
        """
        sent = current = ChangeToken.decode(token) if token else _START
        begins = current.epoch == _NO_EPOCH
        rows, has_more = await read_page(
            self._session.read,
            lambda sized: _select_changes(begins=begins, sized=sized),
            limit,
            position=current.position,
            horizon=current.horizon,
        )
        if not rows:
            self.revision = None
            return _empty_page(current)
        epoch, last, feed_floor = (rows[0][name] for name in ("epoch", "last", "feed_floor"))
        self.revision = last
        if begins:
            current = ChangeToken(epoch, 0, last)
        elif (
            current.epoch != epoch
            or not max(feed_floor, current.position) <= current.horizon <= last
        ):
            raise ChangeTokenExpiredError
        if token and sent.position >= sent.horizon:
            self.lag = last - current.position
        changes = [_change(row) for row in rows if row["id"] is not None]
        position = changes[-1].revision if has_more else last
        after = ChangeToken(epoch, position, max(position, current.horizon))
        return ChangePage(changes, after.encode(), has_more)


def _empty_page(current: ChangeToken) -> ChangePage:
    """Return an empty page for a user without data.

    Raises `ChangeTokenExpiredError` if the token is from a time when the user had data.
    """
    if current.epoch != _NO_EPOCH:
        raise ChangeTokenExpiredError
    return ChangePage([], _START.encode(), has_more=False)


def _change(row: asyncpg.Record) -> Change:
    deleted = row["title"] is None
    return Change(row["revision"], row["id"], deleted, None if deleted else task_of(row))


@cache
def _select_changes(*, begins: bool, sized: bool) -> ClauseElement:
    """Return the statement for a page. Rows are `(epoch, last, feed_floor, *task columns)`.

    `last` is the last revision of the user. The task columns are those of `with_user`. All values
    are of one snapshot. Without a change there is one row, whose task columns are null. In the row
    of a deletion, the title is null.
    """
    found = kept_by_revision(tasks, *paged(tasks))
    if begins:
        page = found.limit(_ROW_LIMIT).subquery("page")
    else:
        updates = found.where(tasks.c.revision > _POSITION)
        branches = union_all(updates.limit(_ROW_LIMIT), _deletions()).subquery("branches")
        page = select(branches).order_by(branches.c.revision).limit(_ROW_LIMIT).subquery("page")
    if sized:
        page = select(page, running_size(page, [page.c.revision.asc()])).subquery("sized")
    about_user = users.c.epoch, users.c.revision.label("last"), users.c.feed_floor
    return with_user(page, *about_user).order_by(page.c.revision)


def _deletions() -> Select[Any]:
    # The content of a deleted task is only for restoring it.
    columns: list[ColumnElement[Any]] = [
        tombstones.c[column.name]
        if column.name in {"user_id", "id", "revision"}
        else cast(null(), column.type).label(column.name)
        for column in paged(tasks)[:-1]
    ]
    columns.append(literal_column("0", Integer))
    return (
        kept_by_revision(tombstones, *columns)
        .where(tombstones.c.revision > _HORIZON)
        .limit(_ROW_LIMIT)
    )
