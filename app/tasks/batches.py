"""Batches: many operations in one transaction."""

from collections.abc import Sequence

from .errors import OperationError, TaskError
from .schemas import (
    BatchOperation,
    CreateOperation,
    OperationResult,
    TaskBatchResult,
    UpdateOperation,
)
from .store import TaskStore


async def execute(
    store: TaskStore, operations: Sequence[BatchOperation], max_tasks: int
) -> TaskBatchResult:
    """Run the operations in order. Each operation sees the changes of the earlier ones.

    Raises `OperationError` for the first operation that fails. The caller rolls back.
    """
    results = []
    for index, operation in enumerate(operations):
        try:
            results.append(await _execute(store, operation, max_tasks))
        except TaskError as error:
            raise OperationError(index, error) from error
    return TaskBatchResult(results)


async def _execute(store: TaskStore, operation: BatchOperation, max_tasks: int) -> OperationResult:
    if isinstance(operation, CreateOperation):
        task = await store.create(operation.task, max_tasks)
        return OperationResult("create", task.id, task)
    expected = None if operation.revision is None else [operation.revision]
    if isinstance(operation, UpdateOperation):
        task = await store.update(operation.id, operation.patch.fields, expected)
        return OperationResult("update", task.id, task)
    await store.delete(operation.id, expected)
    return OperationResult("delete", operation.id, None)
