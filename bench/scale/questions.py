"""The questions: each as a request over HTTP, and as the store's work for it."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, NamedTuple

from app.database.driver.sessions import UserSession
from app.tasks.changes import ChangeStore, Place
from app.tasks.cursors import Position, encode_cursor
from app.tasks.etags import list_etag, task_etag
from app.tasks.pages import Listing
from app.tasks.store import TaskStore
from bench.rows import task_id, user_name
from bench.scale.population import TOMBSTONES, created_at, epoch, task_count

PAGE = 50
LATE = 10
"""How many tasks are newer than a late change token, besides the deletions."""

_NO_FILTER: dict[str, Any] = {"q": None, "due_before": None, "due_after": None}
_ALL = Listing(completed=None, sort="-created_at", **_NO_FILTER)
_COMPLETED = Listing(completed=True, sort="-created_at", **_NO_FILTER)


class Question(NamedTuple):
    """A question about a user's task, or about the page after it; user and task are numbers.

    With `etag`, If-None-Match is sent, and the response is a 304. A response of status 200 has
    `entries` entries; None means a single task.
    """

    name: str
    path: Callable[[int, int], str]
    read: Callable[[UserSession, int, int], Awaitable[object]]
    entries: int | None = PAGE
    etag: Callable[[int, int], str] | None = None

    @property
    def status(self) -> HTTPStatus:
        """Return the expected status of every response."""
        return HTTPStatus.NOT_MODIFIED if self.etag else HTTPStatus.OK


def _task_path(user: int, task: int) -> str:
    return f"/api/tasks/{task_id(user, task)}"


def _first_path(_user: int, _task: int) -> str:
    return f"/api/tasks?limit={PAGE}"


def _read_task(session: UserSession, user: int, task: int) -> Awaitable[object]:
    return TaskStore(session).get(task_id(user, task))


def _read_list_etag(session: UserSession, _user: int, _task: int) -> Awaitable[object]:
    return TaskStore(session).list_etag()


def _list_etag(user: int, _task: int) -> str:
    return list_etag(epoch(user), task_count(user) + TOMBSTONES)


def _read_page(listing: Listing) -> Callable[[UserSession, int, int], Awaitable[object]]:
    return lambda session, _user, _task: TaskStore(session).page(listing, PAGE, None)


def _position(user: int, passed: int) -> Position:
    task = task_count(user) - passed
    return Position(created_at(user, task), task_id(user, task))


def _deep(name: str, passed_of: Callable[[int], int]) -> Question:
    """Return a question for a page that starts after `passed_of(task)` tasks."""

    def path(user: int, task: int) -> str:
        cursor = encode_cursor(_position(user, passed_of(task)), user_name(user), _ALL.scope)
        return f"{_first_path(user, task)}&cursor={cursor}"

    def read(session: UserSession, user: int, task: int) -> Awaitable[object]:
        return TaskStore(session).page(_ALL, PAGE, _position(user, passed_of(task)))

    return Question(name, path, read)


def _changes(name: str, left: int | None, entries: int = PAGE) -> Question:
    """Return a question for the change feed with `left` tasks to read, or for all of it."""

    def token(user: int) -> str | None:
        if left is None:
            return None
        count = task_count(user)
        return Place(epoch(user), count - left, count - min(left, LATE)).encode()

    def path(user: int, _task: int) -> str:
        since = f"&since={token(user)}" if left else ""
        return f"/api/tasks/changes?limit={PAGE}{since}"

    def read(session: UserSession, user: int, _task: int) -> Awaitable[object]:
        return ChangeStore(session).since(token(user), PAGE)

    return Question(name, path, read, entries)


_FIRST = Question("list", _first_path, _read_page(_ALL))

OF_ORDINARY_USERS = (
    Question("get", _task_path, _read_task, entries=None),
    Question("get, 304", _task_path, _read_task, etag=lambda _, task: task_etag(task + 1)),
    _FIRST,
    _deep("list, last page", lambda _: PAGE),
    Question(
        "list, by status",
        lambda user, task: f"{_first_path(user, task)}&status=completed",
        _read_page(_COMPLETED),
    ),
    Question("list, 304", _first_path, _read_list_etag, etag=_list_etag),
    _changes("changes, from the beginning", None),
    _changes("changes, from a late token", LATE, LATE + TOMBSTONES),
)

# A random place in the heavy user's whole list, so that each request reads other pages than the
# request before.
OF_THE_HEAVY_USER = (
    _FIRST,
    _deep("list, page 1,000", lambda _: 1_000 * PAGE),
    _deep("list, page 1,999", lambda _: 1_998 * PAGE),
    _deep("list, any page", lambda task: max(task // PAGE, 1) * PAGE),
    _changes("changes, from the beginning", None),
    _changes("changes, from the middle", 50_000),
    _changes("changes, from a late token", LATE, LATE + TOMBSTONES),
)
