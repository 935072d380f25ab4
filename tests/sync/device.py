"""A device that keeps a copy of the tasks, changes it offline, and synchronises it.

It follows the contract's advice for clients: a creation has an idempotency key, a change has the
revision that it is based on, and the changes of other devices come from the feed.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from tests.support.connection import Received
from tests.sync.line import Line, Request

Task = dict[str, Any]


@dataclass
class Creation:
    """Tasks created on this device. They have its ids until the server has created them."""

    key: str
    tasks: dict[str, Task]


@dataclass
class Update:
    """Fields changed on this device."""

    id: str
    patch: Task


@dataclass
class Deletion:
    """A task deleted on this device."""

    id: str


@dataclass
class Device:
    """One of a user's devices."""

    name: str
    line: Line
    chosen: Random
    copy: dict[str, Task] = field(default_factory=dict)
    since: str | None = None
    pending: list[Creation | Update | Deletion] = field(default_factory=list)
    _revisions: dict[str, int] = field(default_factory=dict)
    _listed: set[str] = field(default_factory=set)
    _begins: bool = True

    def create(self, *marks: str) -> None:
        """Create tasks, several at once as one batch. A mark makes each task unique."""
        tasks = {f"new {mark}": {"title": mark, "description": mark} for mark in marks}
        self.copy |= {id_: {**task, "id": id_} for id_, task in tasks.items()}
        key = str(UUID(int=self.chosen.getrandbits(128), version=4))
        self.pending.append(Creation(key, tasks))

    def update(self, id_: str, patch: Task) -> None:
        """Change some fields of a task."""
        self.copy[id_] |= patch
        self.pending.append(Update(id_, patch))

    def delete(self, id_: str) -> None:
        """Delete a task."""
        del self.copy[id_]
        self.pending.append(Deletion(id_))

    def bring_in_step(self) -> None:
        """Send pending changes, then fetch the changes of others.

        Raises `CutError` if a request gets no response.
        """
        while self.pending:
            match self.pending[0]:
                case Creation() as creation:
                    self._create(creation)
                case Update(id_, patch):
                    self._change(id_, Request("PATCH", f"/api/tasks/{id_}", {}, patch))
                case Deletion(id_):
                    self._change(id_, Request("DELETE", f"/api/tasks/{id_}", {}))
            self.pending.pop(0)
        while self._fetch():
            pass

    def _create(self, creation: Creation) -> None:
        headers = {"Idempotency-Key": creation.key}
        contents = list(creation.tasks.values())
        if len(contents) == 1:
            made = [self._expect(201, Request("POST", "/api/tasks", headers, contents[0]))]
        else:
            operations = {"operations": [{"op": "create", "task": each} for each in contents]}
            request = Request("POST", "/api/tasks/batch", headers, operations)
            made = [each["task"] for each in self._expect(200, request)["results"]]
        for old, task in zip(creation.tasks, made, strict=True):
            self._rename(old, task)

    def _rename(self, old: str, task: Task) -> None:
        """Give a task the server's id. Pending changes of the task stay."""
        if old in self.copy:
            self.copy[task["id"]] = task | self.copy.pop(old) | {"id": task["id"]}
        for each in self.pending:
            if not isinstance(each, Creation) and each.id == old:
                each.id = task["id"]
        self._revisions[task["id"]] = task["revision"]

    def _change(self, id_: str, request: Request) -> None:
        """Make a change to the newest version. It overwrites only the fields changed here."""
        while id_ in self._revisions:
            headers = {"If-Match": f'"{self._revisions[id_]}"'}
            response = self.line.send(request._replace(headers=headers))
            if response.status == 200:
                self._revisions[id_] = response.body["revision"]
                return
            if response.status in {204, 404}:
                # Deleted on this or another device: a deletion wins.
                self._forget(id_)
                return
            assert response.status == 412, response
            self._look_again(id_)

    def _look_again(self, id_: str) -> None:
        response = self.line.send(Request("GET", f"/api/tasks/{id_}", {}))
        assert response.status in {200, 404}, response
        if response.status == 404:
            self._forget(id_)
        else:
            self._revisions[id_] = response.body["revision"]

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
