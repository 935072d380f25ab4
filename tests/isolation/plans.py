"""How to ask for each operation of the contract, and what its owner must see.

A new operation needs a plan here; an operation that takes a task's id says so with `TASK`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlencode

from quart_contract.operations import Operation
from tests.isolation.wire import Json

TASK = "{the id of a task}"
"""Stands in a plan for the id of the task that is asked for."""
USER = "{the id of the token's user}"
"""Stands in a plan for the id of the user whose token is sent."""


class Owned(NamedTuple):
    """What a user has: the tasks are as the server shows them, newest first."""

    user: str
    tasks: tuple[Json, ...] = ()

    @property
    def task(self) -> Json:
        """The task that is asked for."""
        return self.tasks[0]

    @property
    def next_revision(self) -> int:
        """The revision of the next change."""
        return max((task["revision"] for task in self.tasks), default=0) + 1


class Place(NamedTuple):
    """The parameter that goes on where an answer ended.

    `member` of the answer holds the next place. `nonsense` has a place's form, and is none; None
    where the contract answers a foreign place otherwise than nonsense.
    """

    parameter: str
    member: str
    nonsense: str | None = None


class Request(NamedTuple):
    """A request without its token."""

    method: str
    target: str
    body: Json
    headers: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One operation: its inputs, and the answer to a user who has what `Owned` says.

    `made` names headers and members whose values only the server can know. A plan without `TASK`
    is about all that a user has, and must answer somebody who has nothing, too.
    """

    status: int
    shows: Callable[[Owned], Json]
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Json = None
    made: tuple[str, ...] = ()
    place: Place | None = None

    @property
    def about_a_task(self) -> bool:
        """Whether the operation is about one task, wherever its id stands."""
        return TASK in json.dumps([dict(self.path), dict(self.query), self.body])

    def request(
        self, operation: Operation, task_id: str, user: str = USER, **query: str
    ) -> Request:
        """Ask for the task of this id."""

        def filled(value: Json) -> Json:
            return json.loads(json.dumps(value).replace(TASK, task_id).replace(USER, user))

        parameters = urlencode(filled(dict(self.query)) | query)
        target = operation.path.format(**filled(dict(self.path)))
        return Request(
            operation.method,
            f"{target}?{parameters}" if parameters else target,
            filled(self.body),
            dict(self.headers),
        )


NOTHING = {"description": None, "due_at": None, "completed": False, "completed_at": None}
REWRITTEN = {"title": "rewritten", "description": "anew", "due_at": "2030-01-02T03:04:05Z"}
MADE_NOW = ("updated_at",)
SAME_KEY = {"Idempotency-Key": "everybody's"}


def new(owned: Owned) -> Json:
    """A task that was just made."""
    owner = {"user_id": owned.user, "revision": owned.next_revision}
    return {**NOTHING, **REWRITTEN, **owner}


def changed(owned: Owned, **changes: Json) -> Json:
    """The task after a change."""
    return {**owned.task, **changes, "revision": owned.next_revision}


PLANS: Mapping[str, Plan] = {
    "createTask": Plan(
        status=201,
        body=REWRITTEN,
        headers=SAME_KEY,
        shows=new,
        made=("id", "created_at", "updated_at", "location", "content-length"),
    ),
    "listTasks": Plan(
        status=200,
        shows=lambda owned: {"items": list(owned.tasks), "next_cursor": None},
        place=Place("cursor", "next_cursor", nonsense="A" * 43),
        made=("etag",),
    ),
    "batchTasks": Plan(
        status=200,
        headers=SAME_KEY,
        body={"operations": [{"op": "update", "id": TASK, "patch": {"title": "rewritten"}}]},
        shows=lambda owned: {
            "results": [
                {
                    "op": "update",
                    "id": owned.task["id"],
                    "task": changed(owned, title="rewritten"),
                }
            ]
        },
        made=MADE_NOW,
    ),
    "listChanges": Plan(
        status=200,
        shows=lambda owned: {
            "changes": [
                {"revision": task["revision"], "id": task["id"], "deleted": False, "task": task}
                for task in sorted(owned.tasks, key=lambda task: int(task["revision"]))
            ],
            "has_more": False,
        },
        place=Place("since", "next", nonsense="B" * 42 + "A"),
        made=("next",),
    ),
    "getTask": Plan(status=200, path={"id": TASK}, shows=lambda owned: owned.task),
    "replaceTask": Plan(
        status=200,
        path={"id": TASK},
        body=REWRITTEN,
        shows=lambda owned: changed(owned, **REWRITTEN),
        made=MADE_NOW,
    ),
    "updateTask": Plan(
        status=200,
        path={"id": TASK},
        body={"title": "rewritten"},
        shows=lambda owned: changed(owned, title="rewritten"),
        made=MADE_NOW,
    ),
    "completeTask": Plan(
        status=200,
        path={"id": TASK},
        shows=lambda owned: changed(owned, completed=True),
        made=(*MADE_NOW, "completed_at"),
    ),
    "deleteTask": Plan(status=204, path={"id": TASK}, shows=lambda _: None),
    "getMe": Plan(
        status=200,
        shows=lambda owned: {
            "user_id": owned.user,
            "task_count": len(owned.tasks),
            "max_tasks": 100_000,
            "revision": owned.next_revision - 1,
        },
    ),
    "deleteMe": Plan(status=204, query={"confirm": USER}, shows=lambda _: None),
}
