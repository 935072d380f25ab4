"""The values that only the server can make, held from then on; none of them comes twice."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from tests.isolation.listings import Listing
from tests.isolation.wire import Json


class Due(NamedTuple):
    """The answer that is due; that of a problem without `instance`, which is the path."""

    status: int
    body: Json
    etag: "str | State | None" = None
    """Of a list it is made by the server, and stands for a state."""
    replayed: bool = False


class Place(NamedTuple):
    """Where a cursor leads: after a task, in a list of one user."""

    user: str
    listing: Listing
    last: str
    """The value that the list is sorted by, and the id, as JSON."""


class Since(NamedTuple):
    """Where a change token leads: behind a change, in one life of a user."""

    user: str
    life: int
    position: int
    horizon: int
    """Up to here, deletions do not matter to whoever has the token."""


class State(NamedTuple):
    """What a user has at one time; `life` counts the erasures."""

    user: str
    life: int
    revision: int


@dataclass
class Server:
    """What all users share: the values that the server has made, none of which comes twice."""

    clocks_differ: timedelta
    ids: list[str] = field(default_factory=list)
    cursors: dict[str, Place] = field(default_factory=dict)
    tokens: dict[str, Since] = field(default_factory=dict)
    etags: dict[str, State] = field(default_factory=dict)
    now: datetime = datetime(1, 1, 1, tzinfo=UTC)

    def etag(self, seen: str | None, due: str | State | None) -> None:
        """An ETag of lists stands for one state, and has no other."""
        if not isinstance(due, State):
            assert seen == due
            return
        assert re.fullmatch('W/"[0-9a-z-]+"', str(seen))
        assert self.etags.setdefault(str(seen), due) == due
        assert [each for each, state in self.etags.items() if state == due] == [seen]

    def new_id(self, seen: Json) -> str:
        """The id of a new task."""
        id_ = str(seen["id"])
        assert UUID(id_).version == 7
        assert id_ not in self.ids
        self.ids.append(id_)
        return id_

    def instant(self, seen: Json, name: str) -> str:
        """The instant of a change; time does not run backwards."""
        instant = str(seen[name])
        assert instant.endswith("Z")
        at = datetime.fromisoformat(instant)
        assert at + self.clocks_differ >= self.now
        self.now = max(at, self.now)
        return instant

    def cursor(self, seen: Json, place: Place) -> str:
        """The cursor of a place; it leads to no other."""
        cursor = str(seen["next_cursor"])
        assert re.fullmatch("[A-Za-z0-9_-]{43}", cursor)
        assert self.cursors.setdefault(cursor, place) == place
        return cursor

    def token(self, seen: Json, since: Since) -> str:
        """The token of a place in the changes; it leads to no other, and no other leads there."""
        token = str(seen["next"])
        assert re.fullmatch("[A-Za-z0-9_-]{43}", token)
        assert self.tokens.setdefault(token, since) == since
        return token


START = Since("", 0, 0, 0)
"""Where everybody begins, and where who has changed nothing yet stays."""
