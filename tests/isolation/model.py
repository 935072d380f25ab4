"""The task API, specified in Python: a dictionary of tasks for each user.

Each operation answers the status and the body that are due. What only the server can make (ids,
instants, cursors) is taken from the body that it sent, `seen`, checked, and held from then on.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from tests.isolation.wire import Json

NOT_FOUND = {
    "type": "/problems#task_not_found",
    "title": "No such task",
    "status": 404,
    "detail": "You have no task with this id.",
    "code": "task_not_found",
}
INVALID_CURSOR = {
    "type": "/problems#invalid_request",
    "title": "The request does not fit the contract",
    "status": 422,
    "detail": "1 fault was found; see errors.",
    "code": "invalid_request",
    "errors": [
        {"parameter": "cursor", "detail": "was not made for this user and these filters"},
    ],
}
PENDING = {"completed": False, "completed_at": None}
STATES = {"all": {False, True}, "pending": {False}, "completed": {True}}

Task = dict[str, Json]


class Due(NamedTuple):
    """The answer that is due; that of a problem without `instance`, which is the path."""

    status: int
    body: Json


class Place(NamedTuple):
    """Where a cursor leads: after a task, in the list of one user and status."""

    user: str
    status: str
    after: tuple[datetime, str]


@dataclass
class Server:
    """What all users share: the values that the server has made, none of which comes twice."""

    ids: list[str] = field(default_factory=list)
    cursors: dict[str, Place] = field(default_factory=dict)
    now: datetime = datetime(1, 1, 1, tzinfo=UTC)

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
        assert datetime.fromisoformat(instant) >= self.now
        self.now = datetime.fromisoformat(instant)
        return instant

    def cursor(self, seen: Json, place: Place) -> str:
        """The cursor of a place; it leads to no other."""
        cursor = str(seen["next_cursor"])
        assert re.fullmatch("[A-Za-z0-9_-]{43}", cursor)
        assert self.cursors.setdefault(cursor, place) == place
        return cursor


class User:
    """The tasks of one user, and the number of changes made to them."""

    def __init__(self, id: str, server: Server) -> None:
        self.id = id
        self.tasks: dict[str, Task] = {}
        self._server = server
        self._revision = 0

    def create_task(self, seen: Json, body: Json) -> Due:
        """A new task is pending, and belongs to who made it."""
        made_at = self._server.instant(seen, "created_at")
        id_ = self._server.new_id(seen)
        self.tasks[id_] = {"id": id_, "user_id": self.id, **PENDING, "created_at": made_at}
        return Due(201, self._changed(id_, made_at, **written(body)))

    def list_tasks(
        self, seen: Json, status: str = "all", limit: int = 50, cursor: str | None = None
    ) -> Due:
        """The newest come first; a cursor is good for one user and status."""
        found = [task for task in self.newest_first() if task["completed"] in STATES[status]]
        if cursor is not None:
            place = self._server.cursors.get(cursor)
            if place is None or (place.user, place.status) != (self.id, status):
                return Due(422, INVALID_CURSOR)
            found = [task for task in found if age(task) < place.after]
        items, next_cursor = found[:limit], None
        if len(found) > limit:
            place = Place(self.id, status, age(items[-1]))
            next_cursor = self._server.cursor(seen, place)
        return Due(200, {"items": items, "next_cursor": next_cursor})

    def get_task(self, seen: Json, id: str) -> Due:  # noqa: ARG002 - like the others
        """Nobody else's task is found."""
        return Due(200, self.tasks[id]) if id in self.tasks else Due(404, NOT_FOUND)

    def replace_task(self, seen: Json, id: str, body: Json) -> Due:
        """What is absent becomes null; whether the task is completed stays."""
        if id not in self.tasks:
            return Due(404, NOT_FOUND)
        now = self._server.instant(seen, "updated_at")
        return Due(200, self._changed(id, now, **written(body)))

    def complete_task(self, seen: Json, id: str, body: Json = None) -> Due:
        """Completed by default; a repeat changes nothing, and so does not move `completed_at`."""
        completed = (body or {}).get("completed", True)
        if id not in self.tasks or self.tasks[id]["completed"] == completed:
            return self.get_task(seen, id)
        now = self._server.instant(seen, "updated_at")
        completed_at = now if completed else None
        return Due(200, self._changed(id, now, completed=completed, completed_at=completed_at))

    def delete_task(self, seen: Json, id: str) -> Due:  # noqa: ARG002 - like the others
        """A deletion is a change too; a repeat finds nothing."""
        if id not in self.tasks:
            return Due(404, NOT_FOUND)
        del self.tasks[id]
        self._revision += 1
        return Due(204, None)

    def get_me(self, seen: Json) -> Due:  # noqa: ARG002 - like the others
        """The counts of who asks."""
        counts = {"task_count": len(self.tasks), "max_tasks": 100_000, "revision": self._revision}
        return Due(200, {"user_id": self.id, **counts})

    def delete_me(self, seen: Json) -> Due:  # noqa: ARG002 - like the others
        """As if the user had never been."""
        self.tasks.clear()
        self._revision = 0
        return Due(204, None)

    def newest_first(self) -> list[Task]:
        """All tasks, in the order of the list."""
        return sorted(self.tasks.values(), key=age, reverse=True)

    def _changed(self, id: str, now: str, **changes: Json) -> Task:
        """Each change has the next revision of its user."""
        self._revision += 1
        changes |= {"updated_at": now, "revision": self._revision}
        self.tasks[id] = {**self.tasks[id], **changes}
        return self.tasks[id]


def age(task: Task) -> tuple[datetime, str]:
    """What tasks are ordered by."""
    return datetime.fromisoformat(task["created_at"]), task["id"]


def written(body: Mapping[str, Json]) -> Task:
    """What a person wrote: text as it was sent, instants in UTC, to the microsecond."""
    due_at = body.get("due_at")
    return {
        "title": body["title"],
        "description": body.get("description"),
        "due_at": due_at and in_utc(due_at),
    }


def in_utc(instant: str) -> str:
    """An instant as it is answered."""
    return (
        datetime.fromisoformat(instant.upper()).astimezone(UTC).isoformat().replace("+00:00", "Z")
    )
