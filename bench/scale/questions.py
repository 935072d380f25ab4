"""The questions: each as a request over HTTP, and as the store's work for it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from app.database.driver.sessions import UserSession
from app.tasks.changes import ChangeStore, ChangeToken
from app.tasks.cursors import PageCursor, encode_cursor
from app.tasks.etags import list_etag, task_etag
from app.tasks.queries import TaskQuery
from app.tasks.store import TaskStore
from bench.rows import task_id, user_name
from bench.scale.population import EPOCH, TOMBSTONES, created_at, task_count

PAGE = 50
LATE = 10
"""How many tasks are newer than a late change token, besides the deletions."""

_NO_FILTER: dict[str, Any] = {"q": None, "due_before": None, "due_after": None}
_ALL = TaskQuery(completed=None, sort="-created_at", **_NO_FILTER)
_COMPLETED = TaskQuery(completed=True, sort="-created_at", **_NO_FILTER)


class Request(NamedTuple):
    """The path of a request, and the store's work for it.

    With `etag`, If-None-Match is sent, and the response is a 304. Any other response has `entries`
    entries; None means a single task.
    """

    path: str
    read: Callable[[UserSession], Awaitable[object]]
    entries: int | None = PAGE
    etag: str | None = None


Question: TypeAlias = Callable[[int, int], Request]
"""Returns the request about a user's task, or about the page after it, by their numbers."""


def _get(user: int, task: int) -> Request:
    id_ = task_id(user, task)
    return Request(f"/api/tasks/{id_}", lambda session: TaskStore(session).get(id_), entries=None)


def _get_again(user: int, task: int) -> Request:
    return _get(user, task)._replace(etag=task_etag(task + 1))


def _list(query: str = "", listing: TaskQuery = _ALL, after: PageCursor | None = None) -> Request:
    return Request(
        f"/api/tasks?limit={PAGE}{query}",
        lambda session: TaskStore(session).page(listing, PAGE, after),
    )


def _list_again(user: int, _: int) -> Request:
    etag = list_etag(EPOCH, task_count(user) + TOMBSTONES)
    return _list()._replace(read=lambda session: TaskStore(session).list_etag(), etag=etag)


def _deep(passed_of: Callable[[int], int]) -> Question:
    """Return the question for a page that starts after `passed_of(task)` tasks."""

    def ask(user: int, task: int) -> Request:
        last = task_count(user) - passed_of(task)
        after = PageCursor(created_at(user, last), task_id(user, last))
        cursor = encode_cursor(after, user_name(user), _ALL.scope)
        return _list(f"&cursor={cursor}", after=after)

    return ask


def _changes(left: int | None, entries: int = PAGE) -> Question:
    """Return the question for the change feed with `left` tasks to read, or for all of it."""

    def ask(user: int, _: int) -> Request:
        count = task_count(user)
        place = ChangeToken(EPOCH, count - left, count - min(left, LATE)) if left else None
        since = place.encode() if place else None
        return Request(
            f"/api/tasks/changes?limit={PAGE}" + (f"&since={since}" if since else ""),
            lambda session: ChangeStore(session).since(since, PAGE),
            entries,
        )

    return ask


OF_ORDINARY_USERS: Mapping[str, Question] = {
    "get": _get,
    "get, 304": _get_again,
    "list": lambda *_: _list(),
    "list, last page": _deep(lambda _: PAGE),
    "list, by status": lambda *_: _list("&status=completed", _COMPLETED),
    "list, 304": _list_again,
    "changes, from the beginning": _changes(None),
    "changes, from a late token": _changes(LATE, LATE + TOMBSTONES),
}

# A random place in the heavy user's whole list, so that each request reads other pages than the
# request before.
OF_THE_HEAVY_USER: Mapping[str, Question] = {
    "list": lambda *_: _list(),
    "list, page 1,000": _deep(lambda _: 1_000 * PAGE),
    "list, page 1,999": _deep(lambda _: 1_998 * PAGE),
    "list, any page": _deep(lambda task: max(task // PAGE, 1) * PAGE),
    "changes, from the beginning": _changes(None),
    "changes, from the middle": _changes(50_000),
    "changes, from a late token": _changes(LATE, LATE + TOMBSTONES),
}
