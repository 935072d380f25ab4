"""The problem for each error of a task operation."""

from typing import NamedTuple

from quart_contract import Problem, ProblemFrom, Violation
from quart_contract.problems import invalid_request

from .errors import (
    BatchError,
    ChangeTokenExpiredError,
    ExtraTooLargeError,
    Failure,
    IdempotencyKeyInUseError,
    IdempotencyKeyReusedError,
    InvalidCursorError,
    NotConfirmedError,
    PreconditionFailedError,
    StorageBudgetReachedError,
    TaskDeletedError,
    TaskDiffersError,
    TaskError,
    TaskExistsError,
    TaskNotFoundError,
    TaskQuotaReachedError,
)
from .etags import task_etag
from .fields import MAX_EXTRA_BYTES
from .schemas import Task

_TOO_LARGE = f"would have more than {MAX_EXTRA_BYTES} bytes as JSON"


class _Kind(NamedTuple):
    code: str
    detail: str
    place: str
    """The place of the error in an operation of a batch, as a JSON Pointer."""
    fault: str
    """What is wrong at that place."""


_KINDS: dict[type[TaskError], _Kind] = {
    TaskNotFoundError: _Kind(
        "task_not_found", "You have no task with this id.", "/id", "is not the id of your task"
    ),
    PreconditionFailedError: _Kind(
        "precondition_failed",
        "The task has changed: it does not match the version that you sent.",
        "/revision",
        "is not the current revision of the task",
    ),
    TaskExistsError: _Kind(
        "task_exists",
        "You have a task with this id, and it has other content.",
        "/task/id",
        "is the id of a task with other content",
    ),
    TaskDeletedError: _Kind(
        "task_deleted",
        "You have deleted the task with this id. Use a new id.",
        "/task/id",
        "is the id of a deleted task",
    ),
    TaskQuotaReachedError: _Kind(
        "task_quota_reached",
        "You have reached the maximum number of tasks. Delete some tasks first.",
        "",
        "exceeds the maximum number of tasks",
    ),
    ExtraTooLargeError: _Kind(
        "invalid_request", "The task's `extra` would be too large.", "/patch/extra", _TOO_LARGE
    ),
}
_ERRORS = {kind.code: error for error, kind in _KINDS.items()}


class OperationFault(Violation, frozen=True, kw_only=True, omit_defaults=True):
    """An operation of a batch that failed. `task` is the current task if that is the reason."""

    code: str
    task: Task | None = None


def problem_of(error: TaskError) -> Problem:
    """Return the problem for an error of one operation."""
    kind, task = _KINDS[type(error)], _task_of(error)
    if isinstance(error, ExtraTooLargeError):
        return invalid_request([Violation(detail=kind.fault, pointer="/extra")])
    if task is None:
        return Problem(kind.code, kind.detail)
    headers = {"ETag": task_etag(task.revision)}
    return Problem(kind.code, kind.detail, headers=headers, extensions={"task": task})


def error_of(code: str) -> type[TaskError]:
    """Return the error that has a problem code."""
    return _ERRORS[code]


def _task_of(error: TaskError) -> Task | None:
    return error.task if isinstance(error, TaskDiffersError) else None


def _of_a_batch(error: BatchError) -> Problem:
    first, kind = problem_of(error.failures[0].error), _KINDS[type(error.failures[0].error)]
    faults = [_fault(each) for each in error.failures]
    detail = f"{kind.detail} The batch was rolled back. `errors` lists what failed."
    return Problem(first.code, detail, faults, first.headers, first.extensions)


def _fault(failure: Failure) -> OperationFault:
    kind = _KINDS[type(failure.error)]
    return OperationFault(
        pointer=f"/operations/{failure.index}{kind.place}",
        detail=kind.fault,
        code=kind.code,
        task=_task_of(failure.error),
    )


def _of_the_budget(error: StorageBudgetReachedError) -> Problem:
    detail = (
        "Your idempotency keys fill their storage. Send the request without a key, "
        "or retry after `Retry-After` seconds."
    )
    headers = {"Retry-After": str(error.seconds)}
    return Problem("storage_budget_reached", detail, headers=headers)


PROBLEMS: dict[type[Exception], Problem | ProblemFrom] = {
    **{error: ProblemFrom.code(kind.code, problem_of) for error, kind in _KINDS.items()},
    BatchError: ProblemFrom(frozenset(_ERRORS), _of_a_batch),
    StorageBudgetReachedError: ProblemFrom.code("storage_budget_reached", _of_the_budget),
    ChangeTokenExpiredError: Problem(
        "change_token_expired",
        "The change token has expired. Request the feed again without `since`.",
    ),
    IdempotencyKeyInUseError: Problem(
        "idempotency_key_in_use",
        "A request with this `Idempotency-Key` is still in progress. Retry later.",
        headers={"Retry-After": "1"},
    ),
    IdempotencyKeyReusedError: Problem(
        "idempotency_key_reused",
        "This `Idempotency-Key` was already used for a different request. Use a new key.",
        [Violation(detail="was already used for a different request", header="Idempotency-Key")],
    ),
    InvalidCursorError: invalid_request(
        [Violation(detail="does not match the user, filters and sort order", parameter="cursor")]
    ),
    NotConfirmedError: invalid_request(
        [Violation(detail="is not the id of the token's user", parameter="confirm")]
    ),
}
