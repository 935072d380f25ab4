"""The request to run a batch: how to perform it, and how to repeat it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar, TypeAlias
from uuid import UUID

import msgspec

from quart_contract import Problem

from ..database.driver.sessions import UserSession
from . import batches
from .errors import Failure, TaskDiffersError
from .idempotency import Outcome, StoredResponse
from .problems import error_of, problem_of
from .repeatable import as_created, outcome_of
from .schemas import (
    CreateOperation,
    OperationResult,
    RestoreOperation,
    Task,
    TaskBatch,
    TaskBatchResult,
    UpdateOperation,
)
from .store import TaskStore

Describe: TypeAlias = Callable[[Problem], tuple[int, msgspec.Raw]]
"""Returns the status and the document of a problem inside of a response."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A request to run many operations in one transaction."""

    batch: TaskBatch
    max_tasks: int
    describe: Describe
    response: ClassVar = TaskBatchResult
    locks: ClassVar = True

    async def perform(
        self, session: UserSession
    ) -> tuple[StoredResponse[TaskBatchResult], Outcome | None]:
        """Run the operations, with the user's row locked."""
        outcomes = await batches.run(TaskStore(session), self.batch.operations, self.max_tasks)
        if self.batch.mode == "all":
            batches.check(outcomes)
        results = [self._failed(each) if isinstance(each, Failure) else each for each in outcomes]
        return StoredResponse({}, TaskBatchResult(results)), _outcome_of(outcomes)

    async def repeat(
        self, session: UserSession, outcome: Outcome
    ) -> StoredResponse[TaskBatchResult]:
        """Return created tasks as they were created, and other tasks as they are now."""
        operations = self.batch.operations
        failures = {index: (id_, error_of(code)) for index, id_, code in outcome.failed}
        found = dict(outcome.found)
        changes = UpdateOperation | RestoreOperation
        shown = [each.id for each in operations if isinstance(each, changes)]
        shown += found.values()
        shown += [id_ for id_, kind in failures.values() if issubclass(kind, TaskDiffersError)]
        tasks, created = await TaskStore(session).get_all(shown), iter(outcome.created)
        results = []
        for index, operation in enumerate(operations):
            if index in failures:
                id_, kind = failures[index]
                error = kind(tasks.get(id_)) if issubclass(kind, TaskDiffersError) else kind()
                results.append(self._failed(Failure(index, id_, error)))
            elif index in found:
                id_ = found[index]
                results.append(OperationResult("create", id_, 200, tasks.get(id_)))
            elif isinstance(operation, CreateOperation):
                made, at = next(created), outcome.created_at
                task = as_created(operation.task, session.user_id, *made, at)
                results.append(OperationResult("create", task.id, 201, task))
            elif isinstance(operation, changes):
                now, op = tasks.get(operation.id), batches.op_of(operation)
                results.append(OperationResult(op, operation.id, 200, now))
            else:
                results.append(OperationResult("delete", operation.id, 204, None))
        return StoredResponse({}, TaskBatchResult(results))

    def _failed(self, failure: Failure) -> OperationResult:
        op = batches.op_of(self.batch.operations[failure.index])
        status, problem = self.describe(problem_of(failure.error))
        return OperationResult(op, failure.id, status, problem=problem)


def _outcome_of(outcomes: Sequence[OperationResult | Failure]) -> Outcome | None:
    """Return the outcome to store. It is None if no operation succeeded, so nothing changed."""
    created, found, failed = list[Task](), list[tuple[int, UUID]](), list[tuple[int, UUID, str]]()
    for index, each in enumerate(outcomes):
        if isinstance(each, Failure):
            failed.append((index, each.id, problem_of(each.error).code))
        elif each.op == "create" and isinstance(each.task, Task):
            if each.status == HTTPStatus.CREATED:
                created.append(each.task)
            else:
                found.append((index, each.id))
    if len(failed) == len(outcomes):
        return None
    return msgspec.structs.replace(outcome_of(created), failed=failed, found=found)
