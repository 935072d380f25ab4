"""The values that only the server can create: recorded, and never the same twice."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from tests.isolation.listings import TaskQuery
from tests.isolation.raw_client import Json


class Due(NamedTuple):
    """The expected response; that of a problem has no `instance`, which is the path."""

    status: int
    body: Json
    etag: "str | State | None" = None
    """The server creates the ETag of a list, and it stands for a state."""
    replayed: bool = False


class ListPosition(NamedTuple):
    """The position of a cursor: after a task, in a list of one user."""

    user: str
    listing: TaskQuery
    last: str
    """The value that the list is sorted by, and the id, as JSON."""


class FeedPosition(NamedTuple):
    """The position of a change token: after a change, in one epoch of a user."""

    user: str
    life: int
    position: int
    horizon: int
    """The revision up to which the reader needs no deletions."""


class State(NamedTuple):
    """The state of a user's tasks at one time; `life` counts the erasures."""

    user: str
    life: int
    revision: int
    deleted_count: int | None = None
    """For lists of deleted tasks, which also change when some of them expire."""


@dataclass
class Server:
    """The values that the server has created, which all users share; none occurs twice."""

    clocks_differ: timedelta
    ids: list[str] = field(default_factory=list)
    cursors: dict[str, ListPosition] = field(default_factory=dict)
    tokens: dict[str, FeedPosition] = field(default_factory=dict)
    etags: dict[str, State] = field(default_factory=dict)
    now: datetime = datetime(1, 1, 1, tzinfo=UTC)

    def etag(self, seen: str | None, due: str | State | None) -> None:
        """Check that an ETag of lists stands for one state, which has no other ETag."""
        if not isinstance(due, State):
            assert seen == due
            return
        assert re.fullmatch('W/"[0-9a-z-]+"', str(seen))
        assert self.etags.setdefault(str(seen), due) == due
        assert [each for each, state in self.etags.items() if state == due] == [seen]

    def new_id(self, seen: Json) -> str:
        """Return the id of a new task."""
        id_ = str(seen["id"])
        assert UUID(id_).version == 7
        assert id_ not in self.ids
        self.ids.append(id_)
        return id_

    def instant(self, seen: Json, name: str) -> str:
        """Return the time of a change; it is never before an earlier one."""
        instant = str(seen[name])
        assert instant.endswith("Z")
        at = datetime.fromisoformat(instant)
        assert at + self.clocks_differ >= self.now
        self.now = max(at, self.now)
        return instant

    def cursor(self, seen: Json, place: ListPosition) -> str:
        """Return the cursor of a place; it leads to no other place."""
        cursor = str(seen["next_cursor"])
        assert re.fullmatch("[A-Za-z0-9_-]{43,176}", cursor)
        assert self.cursors.setdefault(cursor, place) == place
        return cursor

    def token(self, seen: Json, since: FeedPosition) -> str:
        """Return the token of a place in the feed; token and place belong to each other only."""
        token = str(seen["next"])
        assert re.fullmatch("[A-Za-z0-9_-]{43}", token)
        assert self.tokens.setdefault(token, since) == since
        return token


START = FeedPosition("", 0, 0, 0)
"""The start of the feed, where a user without changes stays."""
