"""The problem for each error of a task operation."""

from quart_contract import Problem, ProblemFrom, Violation
from quart_contract.problems import invalid_request

from .errors import (
    ChangeTokenExpiredError,
    IdempotencyKeyInUseError,
    IdempotencyKeyReusedError,
    InvalidCursorError,
    NotConfirmedError,
    OperationError,
    PreconditionFailedError,
    StorageBudgetReachedError,
    TaskError,
    TaskNotFoundError,
    TaskQuotaReachedError,
)

_TASK_PROBLEMS: dict[type[Exception], Problem] = {
    TaskNotFoundError: Problem("task_not_found", "You have no task with this id."),
    PreconditionFailedError: Problem(
        "precondition_failed", "The task does not match the version that you sent. Read it again."
    ),
    TaskQuotaReachedError: Problem(
        "task_quota_reached",
        "You have reached the maximum number of tasks. Delete some tasks first.",
    ),
}
_POINTERS_IN_AN_OPERATION: dict[type[TaskError], str] = {
    TaskNotFoundError: "/id",
    PreconditionFailedError: "/revision",
    TaskQuotaReachedError: "",
}


def _of_an_operation(error: OperationError) -> Problem:
    kind = type(error.error)
    problem = _TASK_PROBLEMS[kind]
    pointer = f"/operations/{error.index}{_POINTERS_IN_AN_OPERATION[kind]}"
    violation = Violation(detail="failed, so the whole batch was rolled back", pointer=pointer)
    return Problem(problem.code, problem.detail, [violation], problem.headers)


def _of_the_budget(error: StorageBudgetReachedError) -> Problem:
    detail = (
        "Your idempotency keys fill their storage. Send the request without a key, "
        "or retry after `Retry-After` seconds."
    )
    headers = {"Retry-After": str(error.seconds)}
    return Problem("storage_budget_reached", detail, headers=headers)


PROBLEMS: dict[type[Exception], Problem | ProblemFrom] = {
    **_TASK_PROBLEMS,
    OperationError: ProblemFrom(
        frozenset(each.code for each in _TASK_PROBLEMS.values()), _of_an_operation
    ),
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
        "This `Idempotency-Key` was already used with a different body. Use a new key.",
        [Violation(detail="was already used with a different body", header="Idempotency-Key")],
    ),
    InvalidCursorError: invalid_request(
        [Violation(detail="does not match the user, filters and sort order", parameter="cursor")]
    ),
    NotConfirmedError: invalid_request(
        [Violation(detail="is not the id of the token's user", parameter="confirm")]
    ),
}
