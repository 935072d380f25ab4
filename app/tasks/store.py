"""The tasks of one user. Every query runs in a session of that user, so none lacks an owner."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from uuid import UUID, uuid4

import asyncpg
import msgspec
import uuid_utils.compat

from ..database.driver.sessions import UserSession
from . import deletions, erasures, own_ids, statements, trash
from .counts import SELECT_COUNTS
from .cursors import PageCursor, decode_cursor, encode_cursor
from .errors import (
    InvalidCursorError,
    PreconditionFailedError,
    TaskNotFoundError,
    TaskQuotaReachedError,
)
from .etags import list_etag
from .fields import merged
from .page_sizes import Read, read_page
from .queries import TaskQuery, select_page
from .rows import task_of, tasks_of
from .schemas import Me, Task, TaskInput, TaskPage

_ATTEMPTS = 3


def new_id() -> UUID:
    """Return the id of a new task. Ids are in the order of their creation."""
    return uuid_utils.compat.uuid7()


class TaskStore:
    """The tasks of the user of a session.

    Methods raise `TaskNotFoundError` if the user has no such task, and `PreconditionFailedError`
    if its revision is not in `expected`. None allows every revision.
    """

    def __init__(self, session: UserSession) -> None:
        self._session = session

    async def create(self, content: TaskInput, max_tasks: int, id_: UUID | None = None) -> Task:
        """Create a task, and the user's row if it is the first. Return the task.

        Raises `TaskQuotaReachedError` if the user already has `max_tasks` tasks.
        """
        rows = await self._session.change(
            statements.INSERT_TASK,
            task_id=id_ or new_id(),
            max_tasks=max_tasks,
            **statements.new_values(content.fields),
        )
        if not rows:
            raise TaskQuotaReachedError
        return task_of(rows[0])

    async def create_once(
        self, content: TaskInput, max_tasks: int, id_: UUID | None = None
    ) -> tuple[Task, bool]:
        """Create a task; return it, and whether it is new, as `own_ids.create`.

        If the client did not make an id, the task is always new, and gets `id_` or a new id.
        """
        if isinstance(content.id, msgspec.UnsetType):
            return await self.create(content, max_tasks, id_), True
        return await own_ids.create(self._session, content.id, content, max_tasks)

    async def get(self, id_: UUID) -> Task:
        """Return a task."""
        rows = await self._session.read(statements.SELECT_TASK, task_id=id_)
        if not rows:
            raise TaskNotFoundError
        return task_of(rows[0])

    async def get_all(self, ids: Collection[UUID]) -> dict[UUID, Task]:
        """Return the tasks with these ids. Ids without a task are left out."""
        if not ids:
            return {}
        rows = await self._session.read(statements.SELECT_TASKS, task_ids=list(ids))
        return {task.id: task for task in map(task_of, rows)}

    def page_cursor(self, query: TaskQuery, cursor: str) -> PageCursor:
        """Return the position in a cursor.

        Raises `InvalidCursorError` for a cursor of another user or another query.
        """
        after = decode_cursor(cursor, query.kind, self._session.user_id, query.scope)
        if after.value is None and not query.ends_with_null:
            raise InvalidCursorError
        return after

    async def page(
        self, query: TaskQuery, limit: int, after: PageCursor | None
    ) -> tuple[TaskPage, str]:
        """Return at most `limit` tasks of a list after a position, and the list's ETag.

        A page also ends at `PAGE_OCTETS`.
        """
        values = {} if after is None else {"after_value": after.value, "after_id": after.id}
        rows, has_more = await read_page(
            self._reader(query),
            lambda sized: select_page(query, after, sized=sized),
            limit,
            **values,
        )
        etag = _etag(rows, "last")
        items = tasks_of(rows)
        if not has_more:
            return TaskPage(items, None), etag
        last = PageCursor(query.value_of(items[-1]), items[-1].id)
        return TaskPage(items, encode_cursor(last, self._session.user_id, query.scope)), etag

    def _reader(self, query: TaskQuery) -> Read:
        """Return the function that reads a page of a list. A search has tighter limits."""
        if query.q is None:
            return partial(self._session.read, **query.parameters())
        return partial(self._session.search, prepare=query.parameters)

    async def update(
        self,
        id_: UUID,
        fields: Mapping[str, object],
        expected: Collection[int] | None = None,
    ) -> Task:
        """Set fields of a task, and return the task.

        If the fields already have these values, the task and its revision do not change.
        """
        if not fields:
            return await self._get_expected(id_, expected)
        rows = await self._session.change(
            statements.UPDATE_TASK,
            task_id=id_,
            expected_revisions=expected,
            **statements.new_values(fields),
        )
        _check(rows)
        return task_of(rows[0])

    async def patch(
        self,
        id_: UUID,
        fields: Mapping[str, object],
        expected: Collection[int] | None = None,
    ) -> Task:
        """Set fields of a task, merge `extra`, and return the task.

        If `fields` has `extra`, the user's row must be locked. Raises `ExtraTooLargeError`.
        """
        if "extra" in fields:
            before = await self._get_expected(id_, expected)
            extra = merged(msgspec.json.decode(before.extra), fields["extra"])
            fields = {**fields, "extra": extra}
        return await self.update(id_, fields, expected)

    async def _get_expected(self, id_: UUID, expected: Collection[int] | None) -> Task:
        task = await self.get(id_)
        if expected is not None and task.revision not in expected:
            raise PreconditionFailedError(task)
        return task

    async def delete(self, id_: UUID, expected: Collection[int] | None = None) -> None:
        """Delete a task. A tombstone remains, for the change feed and to restore the task."""
        for _ in range(_ATTEMPTS):
            if await self._session.change(
                deletions.DELETE_TASK, task_id=id_, expected_revisions=expected
            ):
                return
            # The statement can return nothing but the tombstone, because of Citus. The task may
            # also have been created, or got this revision, since the statement's snapshot.
            await self._get_expected(id_, expected)
        raise TaskNotFoundError

    async def restore(
        self, id_: UUID, max_tasks: int, expected: Collection[int] | None = None
    ) -> Task:
        """Restore a deleted task, and return it. A task that is not deleted stays as it is.

        The user's row must be locked. `expected` are revisions of the deletion. Raises
        `TaskQuotaReachedError`.
        """
        if rows := await self._session.read(statements.SELECT_TASK, task_id=id_):
            return task_of(rows[0])
        rows = await self._session.read(trash.SELECT_DELETED, task_id=id_)
        if not rows:
            raise TaskNotFoundError
        deleted = task_of(rows[0])
        if expected is not None and deleted.revision not in expected:
            raise PreconditionFailedError(deleted)
        rows = await self._session.change(trash.RESTORE_TASK, task_id=id_, max_tasks=max_tasks)
        if rows:
            return task_of(rows[0])
        if await self._session.read(trash.SELECT_DELETED, task_id=id_):
            raise TaskQuotaReachedError
        raise TaskNotFoundError  # it was purged in between

    async def summary(self, max_tasks: int) -> Me:
        """Return how much data the user has. A user who has changed nothing has no row yet."""
        rows = await self._session.read(SELECT_COUNTS)
        task_count, pending, deleted, revision = rows[0] if rows else (0, 0, 0, 0)
        return Me(
            self._session.user_id,
            task_count,
            max_tasks,
            revision,
            pending,
            task_count - pending,
            deleted,
        )

    async def list_etag(self, *, deleted: bool = False) -> str:
        """Return the ETag of every list of the user, or of every list of deleted tasks.

        This takes one look-up by key; for deleted tasks it also counts them in an index.
        """
        statement = trash.SELECT_USER if deleted else statements.SELECT_USER
        return _etag(await self._session.read(statement), "revision")

    async def erase(self) -> bool:
        """Erase all data of the user permanently. Return whether all rows are deleted, too.

        The rows of a user with many rows are hidden at once, and deleted by `finish_erasures`.
        The user can create new tasks before that.
        """
        if await self._session.change(erasures.DELETE_SMALL_USER):
            return True
        return not await self._session.change(erasures.ERASE_USER, new_epoch=uuid4())


def _etag(rows: Sequence[asyncpg.Record], revision: str) -> str:
    """Return the ETag of lists. `revision` is the name of the column with the user's revision."""
    if not rows:
        return list_etag(None, 0)
    return list_etag(rows[0]["epoch"], rows[0][revision], rows[0].get("deleted_count"))


def _check(rows: Sequence[asyncpg.Record]) -> None:
    """Raise an error if a change found no task, or one whose revision is not expected."""
    if not rows:
        raise TaskNotFoundError
    if not rows[0]["as_expected"]:
        raise PreconditionFailedError(task_of(rows[0]))
