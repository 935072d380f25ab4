"""The handlers of the task operations. The contract gives their paths, methods and checks."""

import asyncio
from datetime import datetime
from typing import Literal, TypeVar
from uuid import UUID

import msgspec
from quart import Blueprint, request

from quart_contract.binding import blueprint_of

from ..auth.require_user import require_user
from ..database.database import Database
from ..database.driver.sessions import UserTransaction
from ..live.waiters import Waiters
from . import batches
from .errors import BatchError, NotConfirmedError
from .etags import expected_revisions, is_current, task_etag
from .idempotency import IdempotencyStore, StoredResponse, Work
from .queries import TaskQuery
from .repeatable import Creation
from .repeatable_batches import Batch, Describe
from .responses import (
    BatchResponse,
    Created,
    Headers,
    NoContent,
    NotModified,
    TaskResponse,
    link_header,
    not_modified,
    task_response,
)
from .schemas import (
    ChangePage,
    Completion,
    Me,
    TaskBatch,
    TaskBatchResult,
    TaskInput,
    TaskPage,
    TaskPatch,
    TaskReplacement,
)
from .search import words
from .store import TaskStore
from .waiting import changes_since

_COMPLETED = {"pending": False, "completed": True}

T = TypeVar("T", bound=msgspec.Struct)


class TaskRoutes:
    """The handlers of the task operations.

    A handler sets `erasure_requested` if an erased user still has rows, which a background task
    then deletes. `describe` makes the problem document of one operation of a batch.
    """

    def __init__(
        self,
        database: Database,
        waiters: Waiters,
        max_tasks: int,
        erasure_requested: asyncio.Event,
        describe: Describe,
    ) -> None:
        self._database = database
        self._waiters = waiters
        self._max_tasks = max_tasks
        self._describe = describe
        self._erasure_requested = erasure_requested

    @property
    def blueprint(self) -> Blueprint:
        """A blueprint that registers all handlers."""
        return blueprint_of(
            "tasks",
            self.create_task,
            self.batch_tasks,
            self.list_tasks,
            self.list_changes,
            self.get_task,
            self.replace_task,
            self.update_task,
            self.complete_task,
            self.delete_task,
            self.get_me,
            self.delete_me,
        )

    @require_user
    async def create_task(
        self, user_id: str, body: TaskInput, idempotency_key: str | None
    ) -> Created:
        """Create a task."""
        creation = Creation(body, self._max_tasks)
        if idempotency_key is None:
            response, _ = await creation.perform(self._database.session(user_id))
        else:
            response = await self._database.in_transaction(
                user_id, lambda transaction: _once(transaction, idempotency_key, body, creation)
            )
        return response.body, 201, response.headers

    @require_user
    async def batch_tasks(
        self, user_id: str, body: TaskBatch, idempotency_key: str | None
    ) -> BatchResponse:
        """Run many operations in one transaction."""
        is_keyed = idempotency_key is not None
        batch = Batch(body, self._max_tasks, self._describe, is_locked=not is_keyed)

        async def perform(transaction: UserTransaction) -> StoredResponse[TaskBatchResult]:
            if idempotency_key is None:
                response, _ = await batch.perform(transaction)
                return response
            return await _once(transaction, idempotency_key, body, batch)

        try:
            response = await self._database.in_transaction(
                user_id, perform, locking=batch.is_locked
            )
        except BatchError as error:
            store = TaskStore(self._database.session(user_id))
            raise await batches.rolled_back(store, error) from None
        return response.body, 200, response.headers

    @require_user
    async def list_tasks(  # noqa: PLR0913 - they are the contract's parameters
        self,
        user_id: str,
        *,
        status: str,
        q: str | None,
        due_before: datetime | None,
        due_after: datetime | None,
        sort: str,
        limit: int,
        cursor: str | None,
        if_none_match: str | None,
    ) -> tuple[TaskPage, Literal[200], Headers] | NotModified:
        """List tasks."""
        query = TaskQuery(
            completed=_COMPLETED.get(status),
            q=words(q),
            due_before=due_before,
            due_after=due_after,
            sort=sort,
        )
        store = TaskStore(self._database.session(user_id))
        after = store.page_cursor(query, cursor) if cursor else None
        if if_none_match is not None and is_current(etag := await store.list_etag(), if_none_match):
            return not_modified(etag)
        page, etag = await store.page(query, limit, after)
        return page, 200, {"ETag": etag, **link_header(page.next_cursor)}

    @require_user
    async def list_changes(
        self, user_id: str, since: str | None, limit: int, wait: int
    ) -> ChangePage:
        """Return the changes since a token, or wait for them."""
        session = self._database.session(user_id)
        return await changes_since(session, self._waiters, since, limit, wait)

    @require_user
    async def get_task(
        self, user_id: str, id: UUID, if_none_match: str | None
    ) -> TaskResponse | NotModified:
        """Return a task."""
        task = await TaskStore(self._database.session(user_id)).get(id)
        if is_current(task_etag(task.revision), if_none_match):
            return not_modified(task_etag(task.revision))
        return task_response(task)

    @require_user
    async def replace_task(
        self, user_id: str, id: UUID, body: TaskReplacement, if_match: str | None
    ) -> TaskResponse:
        """Replace a task."""
        return await self._update(user_id, id, body.fields, if_match)

    @require_user
    async def update_task(
        self, user_id: str, id: UUID, body: TaskPatch, if_match: str | None
    ) -> TaskResponse:
        """Update the fields of a task that the body has."""
        fields, expected = body.fields, expected_revisions(if_match)
        if "extra" not in fields:
            return await self._update(user_id, id, fields, if_match)
        task = await self._database.in_transaction(
            user_id,
            lambda transaction: TaskStore(transaction).patch(id, fields, expected),
            locking=True,
        )
        return task_response(task)

    @require_user
    async def complete_task(
        self, user_id: str, id: UUID, body: Completion, if_match: str | None
    ) -> TaskResponse:
        """Complete or reopen a task."""
        return await self._update(user_id, id, {"completed": body.completed}, if_match)

    @require_user
    async def delete_task(self, user_id: str, id: UUID, if_match: str | None) -> NoContent:
        """Delete a task."""
        await TaskStore(self._database.session(user_id)).delete(id, expected_revisions(if_match))
        return None, 204

    @require_user
    async def get_me(self, user_id: str) -> Me:
        """Return how much data the user has."""
        store = TaskStore(self._database.session(user_id))
        return await store.summary(self._max_tasks)

    @require_user
    async def delete_me(self, user_id: str, confirm: str) -> NoContent:
        """Erase all data of the user."""
        if confirm != user_id:
            raise NotConfirmedError
        if not await TaskStore(self._database.session(user_id)).erase():
            self._erasure_requested.set()
        return None, 204

    async def _update(
        self, user_id: str, id_: UUID, fields: dict[str, object], if_match: str | None
    ) -> TaskResponse:
        store = TaskStore(self._database.session(user_id))
        return task_response(await store.update(id_, fields, expected_revisions(if_match)))


async def _once(
    transaction: UserTransaction, idempotency_key: str, body: msgspec.Struct, work: Work[T]
) -> StoredResponse[T]:
    keys = IdempotencyStore(transaction, str(request.endpoint))
    response, replayed = await keys.once(idempotency_key, body, work)
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response
