"""The task API, specified in Python: a dictionary of tasks for each user.

Each operation returns the expected status and body. Values that only the server can create (ids,
times, cursors) are taken from its response, `seen`, checked, and expected from then on.
"""

import json
from collections.abc import Callable
from functools import partial

from tests.isolation.contents import as_sent, patched, sent_patch, written
from tests.isolation.listings import Task, TaskQuery, instant
from tests.isolation.problems import (
    FAULTS,
    INVALID_CURSOR,
    KEY_REUSED,
    NOT_CONFIRMED,
    NOT_FOUND,
    PRECONDITION_FAILED,
    ROLLED_BACK,
    TASK_DELETED,
    TASK_EXISTS,
    TOKEN_EXPIRED,
)
from tests.isolation.raw_client import Json
from tests.isolation.values import START, Due, FeedPosition, ListPosition, Server, State

BATCH = "/api/tasks/batch"


class User:
    """The tasks of one user, and the number of changes made to them."""

    def __init__(self, id: str, server: Server) -> None:
        self.id = id
        self.tasks: dict[str, Task] = {}
        self.deleted: dict[str, int] = {}
        """The revision of each deletion, by the task's id."""
        self.first: dict[str, Json] = {}
        """What each task with an id of the client was created with."""
        self.trash: dict[str, Task] = {}
        """The deleted tasks. `updated_at` is None until the server has shown it."""
        self._server = server
        self.keys: dict[tuple[str, str], tuple[Json, Due]] = {}
        """The first request (its id and body) and response under each operation and key."""
        self._life = 0
        self._revision = 0

    @property
    def state(self) -> State:
        """Return the state that every list depends on; users without changes have the same one."""
        return State(self.id, self._life, self._revision) if self._revision else State("", 0, 0)

    def create_task(self, seen: Json, body: Json, idempotency_key: str | None = None) -> Due:
        """Create a task that belongs to its user."""
        return self._once(
            "create_task",
            idempotency_key,
            {"body": as_sent(body)},
            partial(self._create, seen, body),
        )

    def batch_tasks(self, seen: Json, body: Json, idempotency_key: str | None = None) -> Due:
        """Run all operations, or none."""
        batch = partial(self._batch, seen, body)
        return self._once("batch_tasks", idempotency_key, {"body": body}, batch)

    def _once(
        self, operation: str, key: str | None, request: Json, perform: Callable[[], Due]
    ) -> Due:
        if key is None:
            return perform()
        if (operation, key) in self.keys:
            first, due = self.keys[operation, key]
            return self._replayed(operation, due) if first == request else Due(422, KEY_REUSED)
        due = perform()
        if due.status < 400 and any(each < 400 for each in statuses(due)):
            self.keys[operation, key] = request, due
        return due

    def _replayed(self, operation: str, due: Due) -> Due:
        """Return a repeated response; an updated task is in it as it is now."""
        body = due.body
        if operation == "create_task" and due.status == 200:
            current = self.tasks.get(body["id"])
            return found(current)._replace(replayed=True) if current else Due(409, TASK_DELETED)
        if operation in {"replace_task", "update_task", "complete_task", "restore_task"}:
            current = self.tasks.get(body["id"])
            return found(current)._replace(replayed=True) if current else Due(404, NOT_FOUND)
        if operation == "batch_tasks":
            body = {"results": [self._replayed_result(each) for each in body["results"]]}
        return due._replace(body=body, replayed=True)

    def _replayed_result(self, result: Json) -> Json:
        current, problem = self.tasks.get(result["id"]), result.get("problem")
        if problem is None:
            return {**result, "task": current} if result["status"] == 200 else result
        if "task" not in problem:
            return result
        told = {name: value for name, value in problem.items() if name != "task"}
        return {**result, "problem": {**told, "task": current} if current else told}

    def _create(self, seen: Json, body: Json) -> Due:
        content = {"completed": False, **written(body)}
        id_ = content.pop("id", None)
        if id_ in self.tasks:
            return self._existing(self.tasks[id_], content)
        if id_ in self.deleted:
            return Due(409, TASK_DELETED)
        made_at = self._server.instant(seen, "created_at")
        if id_ is None:
            id_ = self._server.new_id(seen)
        else:
            self._server.ids.append(id_)
            self.first[id_] = content
        completed_at = made_at if content["completed"] else None
        self.tasks[id_] = {
            "id": id_,
            "user_id": self.id,
            "completed_at": completed_at,
            "created_at": made_at,
        }
        return found(self._changed(id_, made_at, **content), 201)

    def _existing(self, task: Task, content: Json) -> Due:
        now = {name: task[name] for name in content}
        if content in (self.first.get(task["id"]), now):
            return found(task)
        return found(task)._replace(status=409, body={**TASK_EXISTS, "task": task})

    def _batch(self, seen: Json, body: Json) -> Due:
        before = (
            dict(self.tasks),
            dict(self.deleted),
            dict(self.first),
            dict(self.trash),
            self._revision,
        )
        dues, results = [], seen.get("results") or [{}] * len(body["operations"])
        for operation, result in zip(body["operations"], results, strict=True):
            dues.append(self._operation(result.get("task"), operation))
        failed = [index for index, due in enumerate(dues) if due.status >= 400]
        if failed and body.get("mode", "all") == "all":
            self.tasks, self.deleted, self.first, self.trash, self._revision = before
            return self._rolled_back(body["operations"], {index: dues[index] for index in failed})
        shown = []
        for operation, due in zip(body["operations"], dues, strict=True):
            id_ = id_of(operation) or due.body["id"]
            result = {"op": operation["op"], "id": id_, "status": due.status}
            if due.status < 400:
                shown.append({**result, "task": due.body})
            else:
                shown.append({**result, "problem": {**due.body, "instance": BATCH}})
        return Due(200, {"results": shown})

    def _rolled_back(self, operations: list[Json], failed: dict[int, Due]) -> Due:
        """Return the error of a batch. It has the tasks as they are without the batch."""
        dues = {index: self._without(operations[index], due) for index, due in failed.items()}
        faults = []
        for index, due in dues.items():
            place, detail = FAULTS[due.body["code"]]
            fault = {"pointer": f"/operations/{index}/{place}", "detail": detail}
            current = {"task": due.body["task"]} if "task" in due.body else {}
            faults.append({**fault, "code": due.body["code"], **current})
        first = next(iter(dues.values()))
        detail = f"{first.body['detail']} {ROLLED_BACK}"
        return first._replace(body={**first.body, "detail": detail, "errors": faults})

    def _without(self, operation: Json, due: Due) -> Due:
        if "task" not in due.body:
            return due
        current = self.tasks.get(str(id_of(operation)))
        if current is None and due.status == 412:
            return Due(404, NOT_FOUND)
        body = {name: value for name, value in due.body.items() if name != "task"}
        if current is None:
            return Due(due.status, body)
        return found(current)._replace(status=due.status, body={**body, "task": current})

    def _unseen(self, name: str) -> Json:
        """Return what the server would show of a change that is rolled back."""
        return {name: self._server.now.isoformat().replace("+00:00", "Z")}

    def _operation(self, seen: Json, operation: Json) -> Due:
        revision = operation.get("revision")
        if_match = None if revision is None else f'"{revision}"'
        match operation["op"]:
            case "create" if seen or "id" in operation["task"]:
                return self._create(seen or self._unseen("created_at"), operation["task"])
            case "create":
                # The batch fails later: the id that the server would have created stays unknown.
                self._revision += 1
                return Due(201, None)
            case "update":
                seen = seen or self._unseen("updated_at")
                return self.update_task(seen, operation["id"], operation["patch"], if_match)
            case "restore":
                return self._restore(seen or self._unseen("updated_at"), operation["id"], None)
            case _:
                return self._delete(operation["id"], if_match)

    def list_tasks(
        self,
        seen: Json,
        limit: int = 50,
        cursor: str | None = None,
        if_none_match: str | None = None,
        **listing: Json,
    ) -> Due:
        """Return a page of a list. A cursor is valid for one user and list."""
        wanted = TaskQuery(**listing)
        if wanted.status == "deleted":
            for item in seen.get("items", []) if seen else []:
                self._learn(item)
        tasks = wanted.of((self.trash if wanted.status == "deleted" else self.tasks).values())
        state = self.state
        if wanted.status == "deleted" and self._revision:
            state = state._replace(deleted_count=len(self.trash))
        if cursor is not None:
            place = self._server.cursors.get(cursor)
            if place is None or (place.user, place.listing) != (self.id, wanted):
                return Due(422, INVALID_CURSOR)
            tasks = wanted.after(tasks, *json.loads(place.last))
        if self._server.etags.get(str(if_none_match)) == state:
            return Due(304, None, state)
        items, next_cursor = tasks[:limit], None
        if len(tasks) > limit:
            last = json.dumps([wanted.value(items[-1]), items[-1]["id"]])
            next_cursor = self._server.cursor(seen, ListPosition(self.id, wanted, last))
        return Due(200, {"items": items, "next_cursor": next_cursor}, state)

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

    def replace_task(
        self,
        seen: Json,
        id: str,
        body: Json,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> Due:
        """Set absent properties to their defaults; whether the task is completed stays."""
        request = {"id": id, "body": as_sent(body)}
        update = partial(self._update, seen, id, if_match, **written(body))
        return self._once("replace_task", idempotency_key, request, update)

    def update_task(
        self,
        seen: Json,
        id: str,
        body: Json,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> Due:
        """Keep absent properties."""
        task = self.tasks.get(id)
        fields = patched(task, body) if task else {}
        update = partial(self._update, seen, id, if_match, **fields)
        request = {"id": id, "body": sent_patch(body)}
        return self._once("update_task", idempotency_key, request, update)

    def complete_task(
        self,
        seen: Json,
        id: str,
        body: Json = None,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> Due:
        """Complete the task, unless the body says otherwise."""
        completed = (body or {}).get("completed", True)
        update = partial(self._update, seen, id, if_match, completed=completed)
        request = {"id": id, "body": {"completed": completed}}
        return self._once("complete_task", idempotency_key, request, update)

    def delete_task(
        self,
        seen: Json,  # noqa: ARG002 - like the others
        id: str,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> Due:
        """Delete a task. That is a change, too; a repeated deletion finds no task."""
        deletion = partial(self._delete, id, if_match)
        return self._once("delete_task", idempotency_key, {"id": id}, deletion)

    def _delete(self, id: str, if_match: str | None) -> Due:
        if refusal := self._refusal(id, if_match):
            return refusal
        self._revision += 1
        self.deleted[id] = self._revision
        times = {"revision": self._revision, "updated_at": None}
        self.trash[id] = {**self.tasks.pop(id), **times}
        return Due(204, None)

    def restore_task(
        self,
        seen: Json,
        id: str,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> Due:
        """Restore a deleted task. One that is not deleted stays as it is."""
        restoration = partial(self._restore, seen, id, if_match)
        return self._once("restore_task", idempotency_key, {"id": id}, restoration)

    def _restore(self, seen: Json, id: str, if_match: str | None) -> Due:
        if id in self.tasks:
            return found(self.tasks[id])
        if id not in self.trash:
            return Due(404, NOT_FOUND)
        self._learn(seen.get("task") or {})
        if refusal := self._refusal(id, if_match, self.trash):
            return refusal
        self.tasks[id] = self.trash.pop(id)
        del self.deleted[id]
        return found(self._changed(id, self._server.instant(seen, "updated_at")))

    def _learn(self, shown: Task) -> None:
        """Store when a task was deleted, which only the server knows. It never changes."""
        task = self.trash.get(shown.get("id", ""))
        if task and task["updated_at"] is None:
            assert instant(shown["updated_at"]) >= instant(task["created_at"])
            task["updated_at"] = shown["updated_at"]

    def get_me(self, seen: Json) -> Due:  # noqa: ARG002 - like the others
        """Return the counts of the user."""
        completed = sum(task["completed"] for task in self.tasks.values())
        counts = {
            "task_count": len(self.tasks),
            "pending_count": len(self.tasks) - completed,
            "completed_count": completed,
            "deleted_count": len(self.trash),
            "max_tasks": 100_000,
            "revision": self._revision,
        }
        return Due(200, {"user_id": self.id, **counts})

    def delete_me(self, seen: Json, confirm: str) -> Due:  # noqa: ARG002 - like the others
        """Erase the user completely, unless `confirm` is another user's id."""
        if confirm != self.id:
            return Due(422, NOT_CONFIRMED)
        self.tasks.clear()
        self.deleted.clear()
        self.first.clear()
        self.trash.clear()
        self.keys.clear()
        self._life += 1
        self._revision = 0
        return Due(204, None)

    def _refusal(
        self, id: str, if_match: str | None, tasks: dict[str, Task] | None = None
    ) -> Due | None:
        tasks = self.tasks if tasks is None else tasks
        if id not in tasks:
            return Due(404, NOT_FOUND)
        # A proxy that compresses makes a strong tag weak; it stands for the same revision.
        tags = [each.removeprefix("W/") for each in str(if_match).split(", ")]
        if if_match in {None, "*"} or found(tasks[id]).etag in tags:
            return None
        current = tasks[id]
        return Due(412, {**PRECONDITION_FAILED, "task": current}, found(current).etag)

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


def id_of(operation: Json) -> str | None:
    """Return the id in an operation of a batch, if the client sent one."""
    id_: str | None = operation.get("id") or operation.get("task", {}).get("id")
    return id_


def statuses(due: Due) -> list[int]:
    """Return the statuses of the operations of a batch, or that of any other request."""
    if due.body is None or "results" not in due.body:
        return [due.status]
    return [each["status"] for each in due.body["results"]]
