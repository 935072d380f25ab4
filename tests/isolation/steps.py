"""Random steps: mostly what users do with what is theirs, often what they should not try."""

from collections.abc import Mapping
from random import Random
from typing import NamedTuple
from urllib.parse import urlencode

from app.contract.document import read
from app.contract.operations import operations
from tests.isolation.model import Server, User
from tests.isolation.plans import Request
from tests.isolation.wire import Json

OPERATIONS = {each.handler_name: each for each in operations(read()) if each.secured}
WEIGHTS = {
    "create_task": 5,
    "list_tasks": 6,
    "get_task": 3,
    "replace_task": 3,
    "complete_task": 4,
    "delete_task": 4,
    "get_me": 2,
    "delete_me": 0.2,
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
ABSENT = ("019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d70", "00000000-0000-0000-0000-000000000000")
NO_CURSOR = "A" * 43


class Step(NamedTuple):
    """An operation by its handler's name, and its arguments as in the contract."""

    user: User
    operation: str
    arguments: Mapping[str, Json]

    @property
    def request(self) -> Request:
        """The step as a request."""
        operation = OPERATIONS[self.operation]
        path = operation.path.format(**self.arguments)
        query = {
            name: self.arguments[name] for name in self.arguments if name not in {"id", "body"}
        }
        target = f"{path}?{urlencode(query)}" if query else path
        return Request(operation.method, target, self.arguments.get("body"), {})


class Steps:
    """Draws steps; the same seed draws the same steps of users who behave the same."""

    def __init__(self, seed: int, users: list[User], server: Server) -> None:
        self._random = Random(seed)  # noqa: S311 - it is to be repeatable
        self._users = users
        self._server = server

    def draw(self) -> Step:
        """The next step."""
        user = self._random.choice(self._users)
        operation = self._random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        arguments: dict[str, Json]
        match operation:
            case "get_me" | "delete_me":
                arguments = {}
            case "create_task":
                arguments = {"body": self._content()}
            case "list_tasks":
                arguments = self._list(user)
            case "replace_task":
                arguments = {"id": self._id(user), "body": self._content()}
            case "complete_task":
                bodies: tuple[Json, ...] = (None, {}, {"completed": True}, {"completed": False})
                arguments = {"id": self._id(user), "body": self._random.choice(bodies)}
            case _:
                arguments = {"id": self._id(user)}
        return Step(user, operation, arguments)

    def _id(self, user: User) -> str:
        """One's own, a neighbour's, anybody's (also one that is gone), or one that never was."""
        chance = self._random.random()
        tasks = user.tasks if chance < 0.5 else self._neighbour(user).tasks
        if tasks and chance < 0.65:
            return self._random.choice(list(tasks))
        if self._server.ids and chance < 0.9:
            return self._random.choice(self._server.ids[-400:])
        return self._random.choice(ABSENT)

    def _neighbour(self, user: User) -> User:
        """The user before or after: those who are easily taken for one another stand together."""
        place = self._users.index(user) + self._random.choice((-1, 1))
        return self._users[place % len(self._users)]

    def _list(self, user: User) -> dict[str, Json]:
        arguments: dict[str, Json] = {}
        if self._random.random() < 0.7:
            arguments["limit"] = self._random.choice((1, 2, 3, 5, 8, 50, 200))
        if self._random.random() < 0.6:
            arguments["status"] = self._random.choice(("all", "pending", "completed"))
        cursor = self._cursor(user)
        if cursor is not None:
            arguments["cursor"] = cursor
            if cursor != NO_CURSOR and self._random.random() < 0.8:
                arguments["status"] = self._server.cursors[cursor].status
        return arguments

    def _cursor(self, user: User) -> str | None:
        """None, or a cursor of one's own, a neighbour's, anybody's or nobody's."""
        newest = list(self._server.cursors.items())[-400:]
        chance = self._random.random()
        owner = user if chance < 0.4 else self._neighbour(user)
        cursors = [cursor for cursor, place in newest if place.user == owner.id]
        if cursors and chance < 0.55:
            return self._random.choice(cursors)
        if newest and chance < 0.6:
            return self._random.choice(newest)[0]
        return NO_CURSOR if chance < 0.65 else None

    def _content(self) -> dict[str, Json]:
        content: dict[str, Json] = {"title": self._random.choice(TEXTS)}
        if self._random.random() < 0.5:
            content["description"] = self._random.choice((None, "", *TEXTS))
        if self._random.random() < 0.5:
            content["due_at"] = self._random.choice((None, *INSTANTS))
        return content
