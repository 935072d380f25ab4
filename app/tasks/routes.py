"""The handlers of the task operations. The contract gives their paths, methods and checks."""

from datetime import datetime
from http import HTTPStatus
from typing import Literal
from uuid import UUID

import msgspec
from quart import Blueprint

from quart_contract.binding import blueprint_of

from ..auth.require_user import require_user
from ..database.database import Database
from ..live.waiters import Waiters
from . import batches
from .errors import BatchError
from .etags import expected_revisions, is_current, task_etag
from .idempotency import fingerprint_of
from .performing import perform
from .queries import TaskQuery
from .repeatable import Creation, Deletion, Patch, Restoration, Update
from .repeatable_batches import Batch, Describe
from .responses import (
    BatchResponse,
    Created,
    Deleted,
    Headers,
    NotModified,
    TaskResponse,
    link_header,
    not_modified,
    task_response,
)
from .schemas import (
    ChangePage,
    Completion,
    TaskBatch,
    TaskInput,
    TaskPage,
    TaskPatch,
    TaskReplacement,
)
from .search import words
from .store import TaskStore
from .waiting import changes_since

_COMPLETED = {"pending": False, "completed": True}


class TaskRoutes:
    """The handlers of the task operations.

    `describe` makes the problem document of one operation of a batch.
    """

    def __init__(
        self,
        database: Database,
        waiters: Waiters,
        max_tasks: int,
        describe: Describe,
    ) -> None:
        self._database = database
        self._waiters = waiters
        self._max_tasks = max_tasks
        self._describe = describe

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
            self.restore_task,
        )

    @require_user
    async def create_task(
        self, user_id: str, body: TaskInput, idempotency_key: str | None
    ) -> Created | TaskResponse:
        """Create a task."""
        creation = Creation(body, self._max_tasks)
        response = await perform(
            self._database, user_id, creation, idempotency_key, lambda: fingerprint_of(body)
        )
        if response.status == HTTPStatus.OK:
            return response.body, 200, response.headers
        return response.body, 201, response.headers

    @require_user
    async def batch_tasks(
        self, user_id: str, body: TaskBatch, idempotency_key: str | None
    ) -> BatchResponse:
        """Run many operations in one transaction."""
        batch = Batch(body, self._max_tasks, self._describe)
        try:
            response = await perform(
                self._database, user_id, batch, idempotency_key, lambda: fingerprint_of(body)
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
        label: list[str] | None,
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
            labels=tuple(sorted(set(label))) if label else None,
            deleted=status == "deleted",
        )
        store = TaskStore(self._database.session(user_id))
        after = store.page_cursor(query, cursor) if cursor else None
        if if_none_match is not None:
            etag = await store.list_etag(deleted=query.deleted)
            if is_current(etag, if_none_match):
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
        self,
        user_id: str,
        id: UUID,
        body: TaskReplacement,
        if_match: str | None,
        idempotency_key: str | None,
    ) -> TaskResponse:
        """Replace a task."""
        update = Update(id, body.fields, expected_revisions(if_match))
        return await self._update(user_id, update, idempotency_key, body)

    @require_user
    async def update_task(
        self,
        user_id: str,
        id: UUID,
        body: TaskPatch,
        if_match: str | None,
        idempotency_key: str | None,
    ) -> TaskResponse:
        """Update the fields of a task that the body has."""
        update = Patch(id, body.fields, expected_revisions(if_match))
        return await self._update(user_id, update, idempotency_key, body)

    @require_user
    async def complete_task(
        self,
        user_id: str,
        id: UUID,
        body: Completion,
        if_match: str | None,
        idempotency_key: str | None,
    ) -> TaskResponse:
        """Complete or reopen a task."""
        update = Update(id, {"completed": body.completed}, expected_revisions(if_match))
        return await self._update(user_id, update, idempotency_key, body)

    @require_user
    async def delete_task(
        self, user_id: str, id: UUID, if_match: str | None, idempotency_key: str | None
    ) -> Deleted:
        """Delete a task."""
        deletion = Deletion(id, expected_revisions(if_match))
        response = await perform(
            self._database, user_id, deletion, idempotency_key, lambda: fingerprint_of(None, id)
        )
        return None, 204, response.headers

    @require_user
    async def restore_task(
        self, user_id: str, id: UUID, if_match: str | None, idempotency_key: str | None
    ) -> TaskResponse:
        """Restore a deleted task."""
        restoration = Restoration(id, self._max_tasks, expected_revisions(if_match))
        response = await perform(
            self._database, user_id, restoration, idempotency_key, lambda: fingerprint_of(None, id)
        )
        return response.body, 200, response.headers

    async def _update(
        self, user_id: str, update: Update, key: str | None, body: msgspec.Struct
    ) -> TaskResponse:
        response = await perform(
            self._database, user_id, update, key, lambda: fingerprint_of(body, update.id)
        )
        return response.body, 200, response.headers
