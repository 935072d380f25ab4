"""The tasks of one user. A store is made for a user, so no query lacks an owner."""

from typing import Any
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import Executable, Row
from sqlalchemy.ext.asyncio import AsyncConnection

from app.tasks import statements
from app.tasks.cursors import Position, decode_cursor, encode_cursor
from app.tasks.errors import TaskNotFoundError, TaskQuotaReachedError
from app.tasks.schemas import Me, Task, TaskInput, TaskPage


class TaskStore:
    """The tasks of `user_id`, in the transaction of `connection`.

    Methods raise `TaskNotFoundError` where that user has no such task.
    """

    def __init__(self, connection: AsyncConnection, user_id: str) -> None:
        self._connection = connection
        self._user_id = user_id

    async def create(self, content: TaskInput, max_tasks: int) -> Task:
        """Store a new, pending task. The user's row is made by the first.

        Raises `TaskQuotaReachedError` where the user has `max_tasks` already.
        """
        id_ = uuid_utils.compat.uuid7()
        rows = await self._rows(
            statements.INSERT_TASK, task_id=id_, max_tasks=max_tasks, **_new(content)
        )
        if not rows:
            raise TaskQuotaReachedError
        return Task(*rows[0])

    async def get(self, id_: UUID) -> Task:
        """Read a task."""
        return await self._one(statements.SELECT_TASK, task_id=id_)

    async def page(self, *, completed: bool | None, limit: int, cursor: str | None) -> TaskPage:
        """Read at most `limit` tasks, newest first, after `cursor`; of both states if None.

        Raises `InvalidCursorError` for a cursor of another user or another `completed`.
        """
        scope = (self._user_id, str(completed))
        after = decode_cursor(cursor, *scope) if cursor else None
        statement = statements.select_page(
            filtered=completed is not None, continued=after is not None
        )
        # One row more than asked for tells whether there is a next page.
        values: dict[str, Any] = {"row_limit": limit + 1, "completed": completed}
        if after:
            values |= {"after_created_at": after.created_at, "after_id": after.id}
        rows = await self._rows(statement, **values)
        items = [Task(*row) for row in rows[:limit]]
        if len(rows) <= limit:
            return TaskPage(items, None)
        return TaskPage(items, encode_cursor(Position(items[-1].created_at, items[-1].id), *scope))

    async def replace(self, id_: UUID, content: TaskInput) -> Task:
        """Replace title, description and due date; what is absent becomes null."""
        return await self._one(statements.UPDATE_CONTENT, task_id=id_, **_new(content))

    async def complete(self, id_: UUID, *, completed: bool) -> Task:
        """Set whether a task is completed. Where it already is so, nothing changes."""
        while True:
            changed = await self._rows(
                statements.UPDATE_COMPLETED, task_id=id_, new_completed=completed
            )
            task = Task(*changed[0]) if changed else await self.get(id_)
            # Between the two statements another request can have set it the other way.
            if task.completed == completed:
                return task

    async def delete(self, id_: UUID) -> None:
        """Remove a task for good."""
        await self._one(statements.DELETE_TASK, task_id=id_)

    async def summary(self, max_tasks: int) -> Me:
        """Tell how much is stored; the row of a user who has changed nothing is not there yet."""
        rows = await self._rows(statements.SELECT_USER)
        task_count, revision = rows[0] if rows else (0, 0)
        return Me(self._user_id, task_count, max_tasks, revision)

    async def erase(self) -> None:
        """Remove everything that is stored of the user."""
        await self._rows(statements.DELETE_USER)

    async def _one(self, statement: Executable, **values: object) -> Task:
        rows = await self._rows(statement, **values)
        if not rows:
            raise TaskNotFoundError
        return Task(*rows[0])

    async def _rows(self, statement: Executable, **values: object) -> list[Row[*tuple[Any, ...]]]:
        result = await self._connection.execute(statement, {"owner": self._user_id, **values})
        return list(result.all())


def _new(content: TaskInput) -> dict[str, object]:
    return {
        "new_title": content.title,
        "new_description": content.description,
        "new_due_at": content.due_at,
    }
