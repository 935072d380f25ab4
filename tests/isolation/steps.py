"""Random steps: mostly of users on their own tasks, often what they must not do."""

from collections.abc import Mapping
from random import Random
from typing import NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from app.openapi import read
from quart_contract.operations import operations
from tests.isolation.model import User, id_of
from tests.isolation.plans import Request
from tests.isolation.raw_client import Json
from tests.isolation.values import Server

OPERATIONS = {each.handler_name: each for each in operations(read()) if each.schemes}
WEIGHTS = {
    "create_task": 5,
    "batch_tasks": 3,
    "list_tasks": 6,
    "list_changes": 3,
    "get_task": 3,
    "replace_task": 3,
    "update_task": 4,
    "complete_task": 3,
    "delete_task": 4,
    "restore_task": 3,
    "get_me": 2,
    "delete_me": 0.4,
}
TEXTS = (
    "Buy milk",
    " untrimmed ",
    "'; DELETE FROM tasks; --",
    "%s $1 :owner {id} \\",
    "\u00e9 e\u0301",
    "\u202e\u0645\u0647\u0645\u0629",
    "\U0001f99c" * 200,
    "line\nfeed\t\u007f\u0001",
)
INSTANTS = (
    "2026-12-01T09:00:00+01:00",
    "2026-12-01t09:00:00.5z",
    "1969-12-31T23:59:59.999999Z",
    "9999-12-31T00:00:00-11:00",
)
LABELS = ("errand", "Errand", "'; --", "\U0001f99c" * 50, "a,b\n")
CONTENTS: Mapping[str, tuple[Json, ...]] = {
    "description": (None, "", *TEXTS),
    "due_at": (None, *INSTANTS),
    "due_on": (None, "2026-12-01", "1970-01-01", "9999-12-30"),
    "labels": ([], *([label] for label in LABELS), [*LABELS], [*reversed(LABELS)]),
    "priority": ("none", "low", "medium", "high"),
    "position": (None, "a", "Z", "a0", " ", "~" * 100),
    "extra": ({}, {"a": 1}, {"a": None}, {"b": {"c": [1, "\0"], "d": None}}, {"b": {"d": 1.5}}),
}
LISTINGS: Mapping[str, tuple[Json, ...]] = {
    "status": ("all", "pending", "completed", "deleted"),
    "label": (*((label,) for label in LABELS), LABELS[:2], ("none",)),
    "q": ("MILK", "e", "milk E", "%", "_", "';", "\u00c9", "\U0001f99c" * 200, "nowhere"),
    "due_before": INSTANTS,
    "due_after": INSTANTS,
    "sort": tuple(
        f"{sign}{column}"
        for column in ("created_at", "due_at", "updated_at", "priority", "position")
        for sign in ("", "-")
    ),
}
ABSENT = ("019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d70", "00000000-0000-0000-0000-000000000000")
NO_CURSOR = "A" * 43
NO_TOKEN = "B" * 42 + "A"


class Step(NamedTuple):
    """An operation by its handler's name, and its arguments as in the contract."""

    user: User
    operation: str
    arguments: Mapping[str, Json]

    @property
    def request(self) -> Request:
        """Return the step as a request."""
        operation = OPERATIONS[self.operation]
        sent: dict[str, dict[str, Json]] = {"path": {}, "query": {}, "header": {}}
        for parameter in operation.parameters:
            if parameter.argument in self.arguments:
                sent[parameter.location][parameter.name] = self.arguments[parameter.argument]
        path, query = operation.path.format(**sent["path"]), urlencode(sent["query"], doseq=True)
        target = f"{path}?{query}" if query else path
        return Request(operation.method, target, self.arguments.get("body"), sent["header"])


class Steps:
    """Draws steps. The same seed draws the same steps for users who behave the same."""

    def __init__(self, seed: int, users: list[User], server: Server) -> None:
        self._random = Random(seed)  # noqa: S311 - steps must be repeatable
        self._users = users
        self._server = server

    def draw(self) -> Step:
        """Return the next step."""
        user = self._random.choice(self._users)
        operation = self._random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        arguments: dict[str, Json]
        match operation:
            case "get_me":
                arguments = {}
            case "delete_me":
                others = [each.id for each in self._users]
                confirmed = self._random.choice((user.id, user.id, *others))
                arguments = {"confirm": confirmed}
            case "create_task" | "batch_tasks":
                body = self._new_task(user) if operation == "create_task" else self._batch(user)
                arguments = {"body": body} | self._key(user, operation, body)
            case "list_tasks":
                arguments = self._list(user)
            case "list_changes":
                arguments = self._changes(user)
            case _:
                arguments = self._about_a_task(user, operation)
                if operation != "get_task" and self._random.random() < 0.3:
                    arguments |= self._key(user, operation, arguments.get("body"))
        return Step(user, operation, arguments)

    def _key(self, user: User, operation: str, body: Json) -> dict[str, Json]:
        """Return no key, a new one, a common one, or an old one with its own body or this one."""
        chance = self._random.random()
        if chance < 0.5:
            return {}
        old = [key for name, key in user.keys if name == operation][-20:]
        if old and chance < 0.8:
            key = self._random.choice(old)
            first = user.keys[operation, key][0]
            other = {} if body is None else {"body": body}
            return {"idempotency_key": key, **self._random.choice((first, first, other))}
        return {"idempotency_key": f"key {self._random.randrange(10_000)}"}

    def _batch(self, user: User) -> dict[str, Json]:
        count = self._random.choice((1, 1, 2, 3, 8))
        modes: tuple[dict[str, Json], ...] = ({}, {"mode": "all"}, {"mode": "each"})
        operations: list[dict[str, Json]] = []
        for _ in range(count):
            operations.append(self._operation(user, operations))
        return {"operations": operations, **self._random.choice(modes)}

    def _operation(self, user: User, earlier: list[dict[str, Json]]) -> dict[str, Json]:
        op = self._random.choice(("create", "update", "update", "delete", "restore"))
        if op == "create":
            return {"op": op, "task": self._new_task(user)}
        # A batch of many operations on ids of others would hardly ever succeed.
        tasks = user.trash if op == "restore" else user.tasks
        own = list(tasks) if self._random.random() < 0.8 else []
        made = [id_ for each in earlier if each["op"] == "create" and (id_ := id_of(each))]
        if made and self._random.random() < 0.5:
            own = made
        id_ = self._random.choice(own) if own else self._id(user)
        operation: dict[str, Json] = {"op": op, "id": id_}
        if op == "update":
            operation["patch"] = self._patch()
        if op != "restore" and self._random.random() < 0.3:
            task = user.tasks.get(id_, {})
            operation["revision"] = task.get("revision", 1) + self._random.choice((0, 0, 1))
        return operation

    def _about_a_task(self, user: User, operation: str) -> dict[str, Json]:
        arguments: dict[str, Json] = {"id": self._id(user)}
        if operation == "restore_task" and user.trash and self._random.random() < 0.6:
            arguments["id"] = self._random.choice(list(user.trash))
        match operation:
            case "replace_task":
                arguments["body"] = self._content()
            case "update_task":
                arguments["body"] = self._patch()
            case "complete_task":
                bodies: tuple[Json, ...] = (None, {}, {"completed": True}, {"completed": False})
                arguments["body"] = self._random.choice(bodies)
        condition = "if_none_match" if operation == "get_task" else "if_match"
        if self._random.random() < 0.4:
            task = (user.tasks | user.trash).get(arguments["id"], {})
            revision = task.get("revision", 1) - self._random.choice((0, 0, 0, 1))
            forms = ('"{}"',) if operation == "get_task" else ('"{}"', 'W/"{}"', '"0", "{}"', "*")
            arguments[condition] = self._random.choice(forms).format(revision)
        return arguments

    def _id(self, user: User) -> str:
        """Return a task's id: of the user, a neighbour, any user (maybe deleted), or of no task."""
        chance = self._random.random()
        tasks = user.tasks if chance < 0.5 else self._neighbour(user).tasks
        if tasks and chance < 0.65:
            return self._random.choice(list(tasks))
        if self._server.ids and chance < 0.9:
            return self._random.choice(self._server.ids[-400:])
        return self._random.choice(ABSENT)

    def _neighbour(self, user: User) -> User:
        """Return the previous or next user: users with similar ids are next to each other."""
        place = self._users.index(user) + self._random.choice((-1, 1))
        return self._users[place % len(self._users)]

    def _list(self, user: User) -> dict[str, Json]:
        arguments: dict[str, Json] = {}
        if self._random.random() < 0.7:
            arguments["limit"] = self._random.choice((1, 2, 3, 5, 8, 50, 200))
        for name, values in LISTINGS.items():
            if self._random.random() < 0.2:
                arguments[name] = self._random.choice(values)
        if arguments.get("status") == "deleted" and "updated_at" in arguments.get("sort", ""):
            # The server has not shown all the times of deletions.
            del arguments["sort"]
        cursor = self._cursor(user)
        if cursor is not None:
            arguments["cursor"] = cursor
            if cursor != NO_CURSOR and self._random.random() < 0.8:
                place = self._server.cursors[cursor]
                set_ = {name: value for name, value in place.listing._asdict().items() if value}
                arguments = {"limit": arguments.get("limit", 50), "cursor": cursor, **set_}
        etags = list(self._server.etags)[-200:]
        if etags and self._random.random() < 0.3:
            states = {each: self._server.etags[each] for each in etags}
            mine = [each for each in etags if states[each][:3] == user.state[:3]]
            arguments["if_none_match"] = self._random.choice(mine or etags)
        return arguments

    def _changes(self, user: User) -> dict[str, Json]:
        """Return arguments of the feed: no token, the user's, a neighbour's, or an invalid one."""
        arguments: dict[str, Json] = {"limit": self._random.choice((1, 2, 5, 50, 200))}
        chance, newest = self._random.random(), list(self._server.tokens.items())[-400:]
        owner = user if chance < 0.7 else self._neighbour(user)
        tokens = [token for token, since in newest if since.user in {owner.id, ""}]
        if tokens and chance < 0.8:
            arguments["since"] = self._random.choice(tokens)
        elif chance > 0.95:
            arguments["since"] = NO_TOKEN
        return arguments

    def _cursor(self, user: User) -> str | None:
        """Return None, or a cursor of the user, of a neighbour, of any user, or an invalid one."""
        newest = list(self._server.cursors.items())[-400:]
        chance = self._random.random()
        owner = user if chance < 0.4 else self._neighbour(user)
        cursors = [cursor for cursor, place in newest if place.user == owner.id]
        if cursors and chance < 0.55:
            return self._random.choice(cursors)
        if newest and chance < 0.6:
            return self._random.choice(newest)[0]
        return NO_CURSOR if chance < 0.65 else None

    def _patch(self) -> dict[str, Json]:
        """Return some of the members of `_content`; often they change nothing."""
        fields = {**self._content(), "completed": self._random.random() < 0.5}
        return {name: fields[name] for name in fields if self._random.random() < 0.5}

    def _new_task(self, user: User) -> dict[str, Json]:
        """Return a new task, which can be completed. Its id can be new, the user's or another's."""
        content, chance = self._content(), self._random.random()
        if user.first and chance < 0.1:
            id_ = self._random.choice(list(user.first))
            return {**self._random.choice((content, user.first[id_], user.first[id_])), "id": id_}
        if chance < 0.3:
            content["id"] = str(UUID(int=self._random.getrandbits(128), version=4))
        elif chance < 0.4:
            content["id"] = self._id(user)
        if self._random.random() < 0.3:
            content["completed"] = self._random.random() < 0.5
        return content

    def _content(self) -> dict[str, Json]:
        content: dict[str, Json] = {"title": self._random.choice(TEXTS)}
        for name, values in CONTENTS.items():
            if self._random.random() < 0.4:
                content[name] = self._random.choice(values)
        if content.get("due_at") and content.get("due_on"):
            del content[self._random.choice(("due_at", "due_on"))]
        return content
