"""Plans: for each operation of the contract its request, and the response that its owner must get.

A new operation needs a plan here. An operation on one task has `TASK` in its plan.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlencode

from quart_contract.operations import Operation
from tests.isolation.contents import DEFAULTS
from tests.isolation.raw_client import Json

TASK = "{the id of a task}"
"""The placeholder in a plan for the id of the requested task."""
USER = "{the id of the token's user}"
"""The placeholder in a plan for the id of the token's user."""


class Owned(NamedTuple):
    """The tasks of a user, as the server shows them, newest first."""

    user: str
    tasks: tuple[Json, ...] = ()

    @property
    def task(self) -> Json:
        """Return the requested task."""
        return self.tasks[0]

    @property
    def next_revision(self) -> int:
        """Return the revision of the next change."""
        return max((task["revision"] for task in self.tasks), default=0) + 1


class Continuation(NamedTuple):
    """The parameter that continues after an earlier response.

    `member` of the response contains the next value. `nonsense` has the form of a value, but is
    invalid; it is None if the contract responds differently to a foreign value.
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
    """One operation: its inputs, and the response to a user with `Owned`.

    `made` names headers and members whose values only the server can create. A plan without `TASK`
    concerns all tasks of a user, and must also respond to a user without tasks.
    """

    status: int
    shows: Callable[[Owned], Json]
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Json = None
    made: tuple[str, ...] = ()
    continuation: Continuation | None = None
    finds_deleted: bool = False
    """True if the operation finds a task after its deletion."""

    @property
    def about_a_task(self) -> bool:
        """Return whether the operation concerns one task, wherever its id is."""
        return TASK in json.dumps([dict(self.path), dict(self.query), self.body])

    def request(
        self, operation: Operation, task_id: str, user: str = USER, **query: str
    ) -> Request:
        """Return the request for the task with this id."""

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


NOTHING = {**DEFAULTS, "completed": False, "completed_at": None}
REWRITTEN = {
    "title": "rewritten",
    "description": "anew",
    "due_at": "2030-01-02T03:04:05Z",
    "due_on": None,
    "labels": ["rewritten"],
    "priority": "high",
    "position": "a1",
    "extra": {"rewritten": True},
}
MADE_NOW = ("updated_at",)
SAME_KEY = {"Idempotency-Key": "everybody's"}


def new(owned: Owned) -> Json:
    """Return a task that was just created."""
    owner = {"user_id": owned.user, "revision": owned.next_revision}
    return {**NOTHING, **REWRITTEN, **owner}


def changed(owned: Owned, **changes: Json) -> Json:
    """Return the task after a change."""
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
        continuation=Continuation("cursor", "next_cursor", nonsense="A" * 43),
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
                    "status": 200,
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
        continuation=Continuation("since", "next", nonsense="B" * 42 + "A"),
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
    "restoreTask": Plan(
        status=200, path={"id": TASK}, shows=lambda owned: owned.task, finds_deleted=True
    ),
    "getMe": Plan(
        status=200,
        shows=lambda owned: {
            "user_id": owned.user,
            "task_count": len(owned.tasks),
            "pending_count": len([each for each in owned.tasks if not each["completed"]]),
            "completed_count": len([each for each in owned.tasks if each["completed"]]),
            "deleted_count": 0,
            "max_tasks": 100_000,
            "revision": owned.next_revision - 1,
        },
    ),
    "deleteMe": Plan(status=204, query={"confirm": USER}, shows=lambda _: None),
}
