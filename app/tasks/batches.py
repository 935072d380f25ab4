"""Batches: many operations in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from .errors import (
    BatchError,
    Failure,
    PreconditionFailedError,
    TaskDiffersError,
    TaskError,
    TaskNotFoundError,
)
from .schemas import (
    BatchOperation,
    CreateOperation,
    OperationResult,
    RestoreOperation,
    Task,
    UpdateOperation,
)
from .store import TaskStore, new_id


async def run(
    store: TaskStore, operations: Sequence[BatchOperation], max_tasks: int
) -> list[OperationResult | Failure]:
    """Run the operations in order, and return the outcome of each.

    Each operation sees the changes of the earlier ones. An operation that fails changes nothing.
    """
    outcomes: list[OperationResult | Failure] = []
    for index, operation in enumerate(operations):
        id_ = _id_of(operation)
        try:
            status, task = await _run(store, id_, operation, max_tasks)
        except TaskError as error:
            outcomes.append(Failure(index, id_, error))
        else:
            outcomes.append(OperationResult(op_of(operation), id_, status, task))
    return outcomes


async def _run(
    store: TaskStore, id_: UUID, operation: BatchOperation, max_tasks: int
) -> tuple[int, Task | None]:
    if isinstance(operation, CreateOperation):
        task, is_new = await store.create_once(operation.task, max_tasks, id_)
        return 201 if is_new else 200, task
    if isinstance(operation, RestoreOperation):
        return 200, await store.restore(id_, max_tasks)
    expected = None if operation.revision is None else [operation.revision]
    if isinstance(operation, UpdateOperation):
        return 200, await store.patch(id_, operation.patch.fields, expected)
    await store.delete(id_, expected)
    return 204, None


def _id_of(operation: BatchOperation) -> UUID:
    if not isinstance(operation, CreateOperation):
        return operation.id
    return operation.task.id or new_id()


def op_of(operation: BatchOperation) -> str:
    """Return the kind of an operation, as the contract names it."""
    return str(operation.__struct_config__.tag)


def check(outcomes: Sequence[OperationResult | Failure]) -> None:
    """Raise `BatchError` if an operation failed. The caller rolls back."""
    failures = [each for each in outcomes if isinstance(each, Failure)]
    if failures:
        changed = frozenset(each.id for each in outcomes if isinstance(each, OperationResult))
        raise BatchError(failures, changed)


async def rolled_back(store: TaskStore, error: BatchError) -> BatchError:
    """Return the error of a batch that was rolled back, with the tasks as they are after that.

    Before that, a task can have changes that earlier operations of the batch made.
    """
    found = [each.error.task for each in error.failures if isinstance(each.error, TaskDiffersError)]
    changed = error.changed.intersection(task.id for task in found if task)
    if not changed:
        return error
    tasks = await store.get_all(changed)
    return BatchError([_rolled_back(each, changed, tasks) for each in error.failures])


def _rolled_back(failure: Failure, changed: frozenset[UUID], tasks: Mapping[UUID, Task]) -> Failure:
    error = failure.error
    if not isinstance(error, TaskDiffersError) or not error.task or error.task.id not in changed:
        return failure
    task = tasks.get(error.task.id)
    if task is None and isinstance(error, PreconditionFailedError):
        return replace(failure, error=TaskNotFoundError())
    return replace(failure, error=type(error)(task))
