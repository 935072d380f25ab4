"""A device that keeps a copy of the tasks, changes it offline, and synchronises it.

It follows the contract's advice for clients: it makes the ids of its tasks, a change has the
revision that it is based on, and the changes of other devices come from the feed. So it can repeat
every request at any time, without idempotency keys.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from tests.support.connection import Received
from tests.sync.line import Line, Request

Task = dict[str, Any]
MAX_OPERATIONS = 4
"""The most operations of a batch."""


@dataclass
class Operation:
    """A change that was made on this device: a new task, a patch, or None for a deletion."""

    op: str
    id: str
    content: Task | None = None


@dataclass
class Device:
    """One of a user's devices."""

    name: str
    line: Line
    chosen: Random
    copy: dict[str, Task] = field(default_factory=dict)
    since: str | None = None
    pending: list[Operation] = field(default_factory=list)
    _revisions: dict[str, int] = field(default_factory=dict)
    _listed: set[str] = field(default_factory=set)
    _begins: bool = True

    def create(self, *marks: str) -> None:
        """Create tasks. A mark makes each task unique."""
        for mark in marks:
            id_ = str(UUID(int=self.chosen.getrandbits(128), version=4))
            task = {"id": id_, "title": mark, "description": mark}
            self.copy[id_] = dict(task)
            self.pending.append(Operation("create", id_, task))

    def update(self, id_: str, patch: Task) -> None:
        """Change some fields of a task."""
        self.copy[id_] |= patch
        self.pending.append(Operation("update", id_, patch))

    def delete(self, id_: str) -> None:
        """Delete a task."""
        del self.copy[id_]
        self.pending.append(Operation("delete", id_))

    def bring_in_step(self) -> None:
        """Send pending changes, then fetch the changes of others.

        Raises `CutError` if a request gets no response.
        """
        while operations := self._next():
            if len(operations) == 1:
                outcomes = [self._send(*operations)]
            else:
                outcomes = self._send_together(operations)
            for operation, (status, body) in zip(operations, outcomes, strict=True):
                self._finish(operation, status, body)
        while self._fetch():
            pass

    def _next(self) -> list[Operation]:
        """Return the first pending operations, until a task occurs twice.

        So the revision that each operation is based on is known.
        """
        # Deleted on this or another device: a deletion wins.
        self.pending = [
            each for each in self.pending if each.op == "create" or self._is_known(each.id)
        ]
        found: dict[str, Operation] = {}
        for each in self.pending[:MAX_OPERATIONS]:
            if each.id in found:
                break
            found[each.id] = each
        return list(found.values())

    def _is_known(self, id_: str) -> bool:
        is_new = any(each.op == "create" and each.id == id_ for each in self.pending)
        return is_new or id_ in self._revisions

    def _send(self, operation: Operation) -> tuple[int, Any]:
        method, target, headers = "POST", "/api/tasks", {}
        if operation.op != "create":
            method = "PATCH" if operation.op == "update" else "DELETE"
            target = f"/api/tasks/{operation.id}"
            headers = {"If-Match": f'"{self._revisions[operation.id]}"'}
        response = self.line.send(Request(method, target, headers, operation.content))
        return response.status, response.body

    def _send_together(self, operations: list[Operation]) -> list[tuple[int, Any]]:
        body = {"mode": "each", "operations": [self._in_a_batch(each) for each in operations]}
        results = self._expect(200, Request("POST", "/api/tasks/batch", {}, body))["results"]
        return [(each["status"], each.get("problem", each.get("task"))) for each in results]

    def _in_a_batch(self, operation: Operation) -> dict[str, Any]:
        if operation.op == "create":
            return {"op": "create", "task": operation.content}
        target = {
            "op": operation.op,
            "id": operation.id,
            "revision": self._revisions[operation.id],
        }
        return target if operation.op == "delete" else {**target, "patch": operation.content}

    def _finish(self, operation: Operation, status: int, body: Any) -> None:  # noqa: ANN401
        """Note the outcome of an operation. If the task had changed, it is sent again.

        An update overwrites only the fields that were changed here.
        """
        id_ = operation.id
        if status == 412:
            self._revisions[id_] = body["task"]["revision"]
            return
        self.pending.remove(operation)
        if status in {200, 201}:
            self._revisions[id_] = body["revision"]
        elif status in {204, 404} or body["code"] == "task_deleted":
            self._forget(id_)
        else:
            raise AssertionError(operation, status, body)

    def _fetch(self) -> bool:
        query: dict[str, Any] = {"limit": self.chosen.choice((1, 2, 5, 50))}
        if self.since:
            query["since"] = self.since
        page = self._expect(200, Request("GET", f"/api/tasks/changes?{urlencode(query)}", {}))
        for change in page["changes"]:
            if change["deleted"]:
                self._forget(change["id"])
            else:
                self.copy[change["id"]] = change["task"]
                self._revisions[change["id"]] = change["revision"]
                self._listed.add(change["id"])
        self.since = page["next"]
        if not page["has_more"] and self._begins:
            # The feed reports no deletions before the first sync: an unlisted task is gone.
            for id_ in self._revisions.keys() - self._listed:
                self._forget(id_)
            self._begins = False
        more: bool = page["has_more"]
        return more

    def _forget(self, id_: str) -> None:
        self.copy.pop(id_, None)
        self._revisions.pop(id_, None)
        self._listed.discard(id_)

    def _expect(self, status: int, request: Request) -> Any:  # noqa: ANN401 - any JSON
        response: Received = self.line.send(request)
        assert response.status == status, (request, response)
        return response.body
