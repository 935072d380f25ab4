"""The task API, specified in Python: a dictionary of tasks for each user.

Each operation answers the status and the body that are due. What only the server can make (ids,
instants, cursors) is taken from the body that it sent, `seen`, checked, and held from then on.
"""

import json
from collections.abc import Callable

from tests.isolation.contents import as_sent, in_utc, written
from tests.isolation.listings import Listing, Task
from tests.isolation.problems import (
    INVALID_CURSOR,
    KEY_REUSED,
    NOT_CONFIRMED,
    NOT_FOUND,
    PRECONDITION_FAILED,
    TOKEN_EXPIRED,
    WHY,
)
from tests.isolation.values import START, Due, Place, Server, Since, State
from tests.isolation.wire import Json

PENDING = {"completed": False, "completed_at": None}


class User:
    """The tasks of one user, and the number of changes made to them."""

    def __init__(self, id: str, server: Server) -> None:
        self.id = id
        self.tasks: dict[str, Task] = {}
        self.deleted: dict[str, int] = {}
        """The revisions of the deletions."""
        self._server = server
        self.keys: dict[tuple[str, str], tuple[Json, Due]] = {}
        """What came first under each operation and key, and its answer."""
        self._life = 0
        self._revision = 0

    @property
    def state(self) -> State:
        """What every list depends on; all who have changed nothing yet have the same."""
        return State(self.id, self._life, self._revision) if self._revision else State("", 0, 0)

    def create_task(self, seen: Json, body: Json, idempotency_key: str | None = None) -> Due:
        """A new task is pending, and belongs to who made it."""
        return self._once(
            "create_task", idempotency_key, as_sent(body), lambda: self._create(seen, body)
        )

    def batch_tasks(self, seen: Json, body: Json, idempotency_key: str | None = None) -> Due:
        """All operations are carried out, or none."""
        return self._once("batch_tasks", idempotency_key, body, lambda: self._batch(seen, body))

    def _once(self, operation: str, key: str | None, body: Json, perform: Callable[[], Due]) -> Due:
        if key is None:
            return perform()
        if (operation, key) in self.keys:
            first, due = self.keys[operation, key]
            return self._replayed(due) if first == body else Due(422, KEY_REUSED)
        due = perform()
        if due.status < 400:
            self.keys[operation, key] = body, due
        return due

    def _replayed(self, due: Due) -> Due:
        """A task that was updated is in a repeated answer as it is now."""
        body = due.body
        if "results" in body:
            results = [
                {**each, "task": self.tasks.get(each["id"])} if each["op"] == "update" else each
                for each in body["results"]
            ]
            body = {"results": results}
        return due._replace(body=body, replayed=True)

    def _create(self, seen: Json, body: Json) -> Due:
        made_at = self._server.instant(seen, "created_at")
        id_ = self._server.new_id(seen)
        self.tasks[id_] = {"id": id_, "user_id": self.id, **PENDING, "created_at": made_at}
        return found(self._changed(id_, made_at, **written(body)), 201)

    def _batch(self, seen: Json, body: Json) -> Due:
        before, results = (dict(self.tasks), dict(self.deleted), self._revision), []
        shown = [each["task"] for each in seen.get("results", [])]
        for index, operation in enumerate(body["operations"]):
            due = self._operation(shown[index] if shown else None, operation)
            if due.status >= 400:
                self.tasks, self.deleted, self._revision = before
                place = {404: "id", 412: "revision"}[due.status]
                error = {"pointer": f"/operations/{index}/{place}", "detail": WHY}
                return due._replace(body={**due.body, "errors": [error]})
            id_ = operation.get("id") or (due.body and due.body["id"])
            results.append({"op": operation["op"], "id": id_, "task": due.body})
        return Due(200, {"results": results})

    def _operation(self, seen: Json, operation: Json) -> Due:
        revision = operation.get("revision")
        if_match = None if revision is None else f'"{revision}"'
        match operation["op"]:
            case "create" if seen:
                return self._create(seen, operation["task"])
            case "create":
                # The batch fails later on: what would have been made, nobody can know.
                self._revision += 1
                return Due(201, None)
            case "update":
                seen = seen or {"updated_at": self._server.now.isoformat().replace("+00:00", "Z")}
                return self.update_task(seen, operation["id"], operation["patch"], if_match)
            case _:
                return self.delete_task(seen, operation["id"], if_match)

    def list_tasks(
        self,
        seen: Json,
        limit: int = 50,
        cursor: str | None = None,
        if_none_match: str | None = None,
        **listing: str,
    ) -> Due:
        """A cursor is good for one user and list."""
        wanted = Listing(**listing)
        tasks = wanted.of(self.tasks.values())
        if cursor is not None:
            place = self._server.cursors.get(cursor)
            if place is None or (place.user, place.listing) != (self.id, wanted):
                return Due(422, INVALID_CURSOR)
            value, id_ = json.loads(place.last)
            tasks = wanted.after(tasks, {wanted.column: value, "id": id_})
        if self._server.etags.get(str(if_none_match)) == self.state:
            return Due(304, None, self.state)
        items, next_cursor = tasks[:limit], None
        if len(tasks) > limit:
            last = json.dumps([items[-1][wanted.column], items[-1]["id"]])
            next_cursor = self._server.cursor(seen, Place(self.id, wanted, last))
        return Due(200, {"items": items, "next_cursor": next_cursor}, self.state)

    def list_changes(self, seen: Json, since: str | None = None, limit: int = 50) -> Due:
        """Each task once, at its latest, and each deletion that the reader does not know of."""
        place = START if since is None else self._server.tokens.get(since)
        if place is None or place not in {START, place._replace(user=self.id, life=self._life)}:
            return Due(410, TOKEN_EXPIRED)
        if not self._revision:
            if place != START:
                return Due(410, TOKEN_EXPIRED)
            return Due(
                200, {"changes": [], "next": self._server.token(seen, START), "has_more": False}
            )
        if place == START:
            place = Since(self.id, self._life, 0, self._revision)
        changes = [
            {"revision": task["revision"], "id": id_, "deleted": False, "task": task}
            for id_, task in self.tasks.items()
            if task["revision"] > place.position
        ] + [
            {"revision": revision, "id": id_, "deleted": True, "task": None}
            for id_, revision in self.deleted.items()
            if revision > place.horizon
        ]
        changes.sort(key=lambda change: int(change["revision"]))
        has_more = len(changes) > limit
        position = changes[limit - 1]["revision"] if has_more else self._revision
        after = Since(self.id, self._life, position, max(position, place.horizon))
        token = self._server.token(seen, after)
        return Due(200, {"changes": changes[:limit], "next": token, "has_more": has_more})

    def get_task(self, seen: Json, id: str, if_none_match: str | None = None) -> Due:  # noqa: ARG002
        """Nobody else's task is found."""
        if id not in self.tasks:
            return Due(404, NOT_FOUND)
        due = found(self.tasks[id])
        return due._replace(status=304, body=None) if due.etag == if_none_match else due

    def replace_task(self, seen: Json, id: str, body: Json, if_match: str | None = None) -> Due:
        """What is absent becomes null; whether the task is completed stays."""
        return self._update(seen, id, if_match, **written(body))

    def update_task(self, seen: Json, id: str, body: Json, if_match: str | None = None) -> Due:
        """What is absent stays."""
        fields = dict(body)
        if fields.get("due_at") is not None:
            fields["due_at"] = in_utc(fields["due_at"])
        return self._update(seen, id, if_match, **fields)

    def complete_task(
        self, seen: Json, id: str, body: Json = None, if_match: str | None = None
    ) -> Due:
        """Completed by default."""
        completed = (body or {}).get("completed", True)
        return self._update(seen, id, if_match, completed=completed)

    def delete_task(self, seen: Json, id: str, if_match: str | None = None) -> Due:  # noqa: ARG002
        """A deletion is a change too; a repeat finds nothing."""
        if refusal := self._refusal(id, if_match):
            return refusal
        del self.tasks[id]
        self._revision += 1
        self.deleted[id] = self._revision
        return Due(204, None)

    def get_me(self, seen: Json) -> Due:  # noqa: ARG002 - like the others
        """The counts of who asks."""
        counts = {"task_count": len(self.tasks), "max_tasks": 100_000, "revision": self._revision}
        return Due(200, {"user_id": self.id, **counts})

    def delete_me(self, seen: Json, confirm: str) -> Due:  # noqa: ARG002 - like the others
        """As if the user had never been, unless another's id came with it."""
        if confirm != self.id:
            return Due(422, NOT_CONFIRMED)
        self.tasks.clear()
        self.deleted.clear()
        self.keys.clear()
        self._life += 1
        self._revision = 0
        return Due(204, None)

    def _refusal(self, id: str, if_match: str | None) -> Due | None:
        if id not in self.tasks:
            return Due(404, NOT_FOUND)
        if if_match in {None, "*"} or found(self.tasks[id]).etag in str(if_match).split(", "):
            return None
        return Due(412, PRECONDITION_FAILED)

    def _update(self, seen: Json, id: str, if_match: str | None, **fields: Json) -> Due:
        """What already is so is no change, and does not move `completed_at`."""
        if refusal := self._refusal(id, if_match):
            return refusal
        task = self.tasks[id]
        if {**task, **fields} == task:
            return found(task)
        now = self._server.instant(seen, "updated_at")
        if fields.get("completed", task["completed"]) != task["completed"]:
            fields["completed_at"] = now if fields["completed"] else None
        return found(self._changed(id, now, **fields))

    def _changed(self, id: str, now: str, **changes: Json) -> Task:
        """Each change has the next revision of its user."""
        self._revision += 1
        changes |= {"updated_at": now, "revision": self._revision}
        self.tasks[id] = {**self.tasks[id], **changes}
        return self.tasks[id]


def found(task: Task, status: int = 200) -> Due:
    """The answer with a task."""
    return Due(status, task, f'"{task["revision"]}"')
