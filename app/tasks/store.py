"""The tasks of one user. A session is made for a user, so no query lacks an owner."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from uuid import UUID, uuid4

import asyncpg
import msgspec
import uuid_utils.compat

from app.database.driver.sessions import UserSession
from app.tasks import erasures, statements
from app.tasks.cursors import Position, decode_cursor, encode_cursor
from app.tasks.errors import (
    InvalidCursorError,
    PreconditionFailedError,
    TaskNotFoundError,
    TaskQuotaReachedError,
)
from app.tasks.etags import list_etag
from app.tasks.page_sizes import Read, read_page
from app.tasks.pages import Listing, select_page
from app.tasks.rows import task_of
from app.tasks.schemas import Me, Task, TaskInput, TaskPage


class TaskStore:
    """The tasks of the user of a session.

    Methods raise `TaskNotFoundError` where that user has no such task, and
    `PreconditionFailedError` where it is of none of the revisions that are `expected`; None
    expects nothing.
    """

    def __init__(self, session: UserSession) -> None:
        self._session = session

    async def create(self, content: TaskInput, max_tasks: int) -> Task:
        """Store a new, pending task. The user's row is made by the first.

        Raises `TaskQuotaReachedError` where the user has `max_tasks` already.
        """
        rows = await self._session.change(
            statements.INSERT_TASK,
            task_id=uuid_utils.compat.uuid7(),
            max_tasks=max_tasks,
            **statements.new_values(msgspec.structs.asdict(content)),
        )
        if not rows:
            raise TaskQuotaReachedError
        return task_of(rows[0])

    async def get(self, id_: UUID) -> Task:
        """Read a task."""
        rows = await self._session.read(statements.SELECT_TASK, task_id=id_)
        if not rows:
            raise TaskNotFoundError
        return task_of(rows[0])

    async def get_all(self, ids: Collection[UUID]) -> dict[UUID, Task]:
        """Read those of the tasks that there are."""
        if not ids:
            return {}
        rows = await self._session.read(statements.SELECT_TASKS, task_ids=list(ids))
        return {task.id: task for task in map(task_of, rows)}

    async def lock(self) -> None:
        """Lock the user's row, if there is one: other changes of this user wait."""
        await self._session.change(statements.LOCK_USER)

    def position(self, listing: Listing, cursor: str) -> Position:
        """Where a cursor leads.

        Raises `InvalidCursorError` for one of another user or another listing.
        """
        after = decode_cursor(cursor, self._session.user_id, listing.scope)
        if after.instant is None and not listing.ends_undated:
            raise InvalidCursorError
        return after

    async def page(
        self, listing: Listing, limit: int, after: Position | None
    ) -> tuple[TaskPage, str]:
        """Read at most `limit` tasks of a list, after a position; answer them and the ETag.

        A page also ends at `PAGE_OCTETS`.
        """
        values = {} if after is None else {"after_instant": after.instant, "after_id": after.id}
        rows, has_more = await read_page(
            self._reader(listing),
            lambda sized: select_page(listing, after, sized=sized),
            limit,
            **values,
        )
        etag = list_etag(rows[0]["epoch"], rows[0]["last"]) if rows else list_etag(None, 0)
        items = [task_of(row) for row in rows if row["id"] is not None]
        if not has_more:
            return TaskPage(items, None), etag
        last = Position(getattr(items[-1], listing.column.name), items[-1].id)
        return TaskPage(items, encode_cursor(last, self._session.user_id, listing.scope)), etag

    def _reader(self, listing: Listing) -> Read:
        """Return what reads a page of a list; a search does so within tighter limits."""
        if listing.q is None:
            return partial(self._session.read, **listing.parameters())
        return partial(self._session.search, prepare=listing.parameters)

    async def update(
        self,
        id_: UUID,
        fields: Mapping[str, object],
        expected: Collection[int] | None = None,
    ) -> Task:
        """Set some fields of a task. One that already is so is not changed: see its revision."""
        if not fields:
            task = await self.get(id_)
            if expected is not None and task.revision not in expected:
                raise PreconditionFailedError
            return task
        values = statements.new_values(fields)
        rows = await self._session.change(
            statements.update_task(frozenset(fields)),
            task_id=id_,
            expected_revisions=expected,
            **values,
        )
        _check(rows)
        return task_of(rows[0])

    async def delete(self, id_: UUID, expected: Collection[int] | None = None) -> None:
        """Remove a task for good."""
        rows = await self._session.change(
            statements.DELETE_TASK, task_id=id_, expected_revisions=expected
        )
        if not rows:
            await self.get(id_)
            raise PreconditionFailedError

    async def summary(self, max_tasks: int) -> Me:
        """Tell how much is stored; the row of a user who has changed nothing is not there yet."""
        rows = await self._session.read(statements.SELECT_USER)
        task_count, revision = (rows[0]["task_count"], rows[0]["revision"]) if rows else (0, 0)
        return Me(self._session.user_id, task_count, max_tasks, revision)

    async def list_etag(self) -> str:
        """The ETag of every list: one key look-up."""
        rows = await self._session.read(statements.SELECT_USER)
        return list_etag(rows[0]["epoch"], rows[0]["revision"]) if rows else list_etag(None, 0)

    async def erase(self) -> bool:
        """Make everything that is stored of the user count as none, for good.

        Return whether the rows are deleted, too. Of a user with many rows they wait for
        `finish_erasures`, and the user can start over meanwhile.
        """
        if await self._session.change(erasures.DELETE_SMALL_USER):
            return True
        return not await self._session.change(erasures.ERASE_USER, new_epoch=uuid4())


def _check(rows: Sequence[asyncpg.Record]) -> None:
    """Raise where a change found no task, or one of a revision that was not expected."""
    if not rows:
        raise TaskNotFoundError
    if not rows[0]["as_expected"]:
        raise PreconditionFailedError
