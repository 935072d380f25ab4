"""The task API, specified in Python: a dictionary of tasks for each user.

Each operation returns the expected status and body. Values that only the server can create (ids,
times, cursors) are taken from its response, `seen`, checked, and expected from then on.
"""

import json
from collections.abc import Callable

from tests.isolation.contents import as_sent, in_utc, written
from tests.isolation.listings import Task, TaskQuery
from tests.isolation.problems import (
    INVALID_CURSOR,
    KEY_REUSED,
    NOT_CONFIRMED,
    NOT_FOUND,
    PRECONDITION_FAILED,
    TOKEN_EXPIRED,
    WHY,
)
from tests.isolation.raw_client import Json
from tests.isolation.values import START, Due, FeedPosition, ListPosition, Server, State

PENDING = {"completed": False, "completed_at": None}


class User:
    """The tasks of one user, and the number of changes made to them."""

    def __init__(self, id: str, server: Server) -> None:
        self.id = id
        self.tasks: dict[str, Task] = {}
        self.deleted: dict[str, int] = {}
        """The revision of each deletion, by the task's id."""
        self._server = server
        self.keys: dict[tuple[str, str], tuple[Json, Due]] = {}
        """The first body and response under each operation and key."""
        self._life = 0
        self._revision = 0

    @property
    def state(self) -> State:
        """Return the state that every list depends on; users without changes have the same one."""
        return State(self.id, self._life, self._revision) if self._revision else State("", 0, 0)

    def create_task(self, seen: Json, body: Json, idempotency_key: str | None = None) -> Due:
        """Create a pending task that belongs to its user."""
        return self._once(
            "create_task", idempotency_key, as_sent(body), lambda: self._create(seen, body)
        )

    def batch_tasks(self, seen: Json, body: Json, idempotency_key: str | None = None) -> Due:
        """Run all operations, or none."""
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
        """Return a repeated response; an updated task is in it as it is now."""
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
                # The batch fails later: the id that the server would have created stays unknown.
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
        """Return a page of a list. A cursor is valid for one user and list."""
        wanted = TaskQuery(**listing)
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
            next_cursor = self._server.cursor(seen, ListPosition(self.id, wanted, last))
        return Due(200, {"items": items, "next_cursor": next_cursor}, self.state)

    def list_changes(self, seen: Json, since: str | None = None, limit: int = 50) -> Due:
        """Return each changed task as it is now, and each deletion that the reader has not seen."""
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
            place = FeedPosition(self.id, self._life, 0, self._revision)
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
        after = FeedPosition(self.id, self._life, position, max(position, place.horizon))
        token = self._server.token(seen, after)
        return Due(200, {"changes": changes[:limit], "next": token, "has_more": has_more})

    def get_task(self, seen: Json, id: str, if_none_match: str | None = None) -> Due:  # noqa: ARG002
        """Return a task of the user; tasks of others are not found."""
        if id not in self.tasks:
            return Due(404, NOT_FOUND)
        due = found(self.tasks[id])
        return due._replace(status=304, body=None) if due.etag == if_none_match else due

    def replace_task(self, seen: Json, id: str, body: Json, if_match: str | None = None) -> Due:
        """Set absent properties to null; whether the task is completed stays."""
        return self._update(seen, id, if_match, **written(body))

    def update_task(self, seen: Json, id: str, body: Json, if_match: str | None = None) -> Due:
        """Keep absent properties."""
        fields = dict(body)
        if fields.get("due_at") is not None:
            fields["due_at"] = in_utc(fields["due_at"])
        return self._update(seen, id, if_match, **fields)

    def complete_task(
        self, seen: Json, id: str, body: Json = None, if_match: str | None = None
    ) -> Due:
        """Complete the task, unless the body says otherwise."""
        completed = (body or {}).get("completed", True)
        return self._update(seen, id, if_match, completed=completed)

    def delete_task(self, seen: Json, id: str, if_match: str | None = None) -> Due:  # noqa: ARG002
        """Delete a task. That is a change, too; a repeated deletion finds no task."""
        if refusal := self._refusal(id, if_match):
            return refusal
        del self.tasks[id]
        self._revision += 1
        self.deleted[id] = self._revision
        return Due(204, None)

    def get_me(self, seen: Json) -> Due:  # noqa: ARG002 - like the others
        """Return the counts of the user."""
        counts = {"task_count": len(self.tasks), "max_tasks": 100_000, "revision": self._revision}
        return Due(200, {"user_id": self.id, **counts})

    def delete_me(self, seen: Json, confirm: str) -> Due:  # noqa: ARG002 - like the others
        """Erase the user completely, unless `confirm` is another user's id."""
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
        # A proxy that compresses makes a strong tag weak; it stands for the same revision.
        tags = [each.removeprefix("W/") for each in str(if_match).split(", ")]
        if if_match in {None, "*"} or found(self.tasks[id]).etag in tags:
            return None
        return Due(412, PRECONDITION_FAILED)

    def _update(self, seen: Json, id: str, if_match: str | None, **fields: Json) -> Due:
        """Update a task. Without a difference, it is no change and `completed_at` stays."""
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
        """Change a task; each change gets the next revision of its user."""
        self._revision += 1
        changes |= {"updated_at": now, "revision": self._revision}
        self.tasks[id] = {**self.tasks[id], **changes}
        return self.tasks[id]


def found(task: Task, status: int = 200) -> Due:
    """Return the response with a task."""
    return Due(status, task, f'"{task["revision"]}"')
