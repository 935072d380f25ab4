"""Turns every error into a problem document: the one place where errors are rendered."""

from collections.abc import Awaitable, Callable

import structlog
from quart import Quart, Response, request
from werkzeug.exceptions import HTTPException

from app.auth.errors import (
    InvalidTokenError,
    KeysUnavailableError,
    MissingTokenError,
    RateLimitedError,
    TooManyInFlightError,
)
from app.contract.faults import Fault
from app.contract.problems import MEDIA_TYPE, Problem, ProblemCatalogue, invalid_request
from app.database.errors import DatabaseUnavailableError, SearchTimeoutError
from app.tasks.errors import (
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

logger = structlog.get_logger("app.contract")

MISSING_TOKEN = Problem(
    "missing_token",
    "The request has no bearer token. Send one in the `Authorization` header.",
    headers={"WWW-Authenticate": "Bearer"},
)
INVALID_TOKEN = Problem(
    "invalid_token",
    "The bearer token is invalid, expired or meant for another service. Sign in again.",
    headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
)
KEYS_UNAVAILABLE = Problem(
    "keys_unavailable",
    "The server could not fetch the keys that verify tokens. Retry after `Retry-After` seconds.",
    headers={"Retry-After": "5"},
)
DATABASE_UNAVAILABLE = Problem(
    "database_unavailable",
    "The database is unavailable. Retry after `Retry-After` seconds.",
    headers={"Retry-After": "1"},
)
SEARCH_TIMEOUT = Problem(
    "search_timeout",
    "The search timed out. Narrow it with `status`, `due_after` or `due_before`.",
    headers={"Retry-After": "5"},
)
TOO_MANY_IN_FLIGHT = Problem(
    "too_many_in_flight",
    "You have too many requests in flight, or too many unread bytes of responses.",
    headers={"Retry-After": "1"},
)
TASK_NOT_FOUND = Problem("task_not_found", "You have no task with this id.")
CHANGE_TOKEN_EXPIRED = Problem(
    "change_token_expired",
    "The change token has expired. Request the feed again without `since`.",
)
PRECONDITION_FAILED = Problem(
    "precondition_failed", "The task does not match the version that you sent. Read it again."
)
IDEMPOTENCY_KEY_IN_USE = Problem(
    "idempotency_key_in_use",
    "A request with this `Idempotency-Key` is still in progress. Retry later.",
    headers={"Retry-After": "1"},
)
IDEMPOTENCY_KEY_REUSED = Problem(
    "idempotency_key_reused",
    "This `Idempotency-Key` was already used with a different body. Use a new key.",
    [Fault(detail="was already used with a different body", header="Idempotency-Key")],
)
TASK_QUOTA_REACHED = Problem(
    "task_quota_reached", "You have reached the maximum number of tasks. Delete some tasks first."
)
INVALID_CURSOR = invalid_request(
    [Fault(detail="does not match the user, filters and sort order", parameter="cursor")]
)
NOT_CONFIRMED = invalid_request(
    [Fault(detail="is not the id of the token's user", parameter="confirm")]
)
INTERNAL_ERROR = Problem(
    "internal_error", "The server failed to process the request. Report it with `request_id`."
)

_PROBLEMS: dict[type[Exception], Problem] = {
    MissingTokenError: MISSING_TOKEN,
    InvalidTokenError: INVALID_TOKEN,
    KeysUnavailableError: KEYS_UNAVAILABLE,
    TooManyInFlightError: TOO_MANY_IN_FLIGHT,
    DatabaseUnavailableError: DATABASE_UNAVAILABLE,
    SearchTimeoutError: SEARCH_TIMEOUT,
    TaskNotFoundError: TASK_NOT_FOUND,
    ChangeTokenExpiredError: CHANGE_TOKEN_EXPIRED,
    PreconditionFailedError: PRECONDITION_FAILED,
    IdempotencyKeyInUseError: IDEMPOTENCY_KEY_IN_USE,
    IdempotencyKeyReusedError: IDEMPOTENCY_KEY_REUSED,
    TaskQuotaReachedError: TASK_QUOTA_REACHED,
    InvalidCursorError: INVALID_CURSOR,
    NotConfirmedError: NOT_CONFIRMED,
}
_PLACES_IN_AN_OPERATION: dict[type[TaskError], str] = {
    TaskNotFoundError: "/id",
    PreconditionFailedError: "/revision",
    TaskQuotaReachedError: "",
}
_CODES_OF_THE_FRAMEWORK = {
    400: ("malformed_request", "The request is malformed."),
    404: ("path_not_found", "This path does not exist."),
    405: (
        "method_not_allowed",
        "This path does not support this method. `Allow` lists the supported methods.",
    ),
    408: ("request_timeout", "The body did not arrive in time. Send the request again."),
    413: ("content_too_large", "The body is larger than the limit."),
}


def render_errors(app: Quart, catalogue: ProblemCatalogue) -> None:
    """Register the handlers that render every error of `app`."""

    def respond(problem: Problem) -> Response:
        state = request.scope["state"]
        state["problem"] = problem.code
        body = catalogue.render(problem, path=request.path, request_id=state["request_id"])
        headers = {"Content-Type": MEDIA_TYPE, **problem.headers}
        return Response(body, catalogue.status(problem), headers)

    async def render(error: Problem) -> Response:
        return respond(error)

    async def render_rate_limited(error: RateLimitedError) -> Response:
        detail = "Too many requests. Retry after `Retry-After` seconds."
        headers = {"Retry-After": str(error.seconds)}
        return respond(Problem("rate_limited", detail, headers=headers))

    async def render_budget(error: StorageBudgetReachedError) -> Response:
        detail = (
            "Your idempotency keys fill their storage. Send the request without a key, "
            "or retry after `Retry-After` seconds."
        )
        headers = {"Retry-After": str(error.seconds)}
        return respond(Problem("storage_budget_reached", detail, headers=headers))

    async def render_operation(error: OperationError) -> Response:
        return respond(_of_an_operation(error))

    async def render_http(error: HTTPException) -> Response:
        return respond(_of_the_framework(error))

    app.register_error_handler(Problem, render)
    app.register_error_handler(RateLimitedError, render_rate_limited)
    app.register_error_handler(StorageBudgetReachedError, render_budget)
    app.register_error_handler(OperationError, render_operation)
    app.register_error_handler(HTTPException, render_http)
    for kind, problem in _PROBLEMS.items():
        app.register_error_handler(kind, _renderer(respond, problem))


def _renderer(
    respond: Callable[[Problem], Response], problem: Problem
) -> Callable[[Exception], Awaitable[Response]]:
    async def render(error: Exception) -> Response:
        logger.debug("request rejected", code=problem.code, reason=str(error))
        return respond(problem)

    return render


def _of_an_operation(error: OperationError) -> Problem:
    kind = type(error.error)
    problem = _PROBLEMS[kind]
    pointer = f"/operations/{error.index}{_PLACES_IN_AN_OPERATION[kind]}"
    fault = Fault(detail="failed, so the whole batch was rolled back", pointer=pointer)
    return Problem(problem.code, problem.detail, [fault], problem.headers)


def _of_the_framework(error: HTTPException) -> Problem:
    if error.code not in _CODES_OF_THE_FRAMEWORK:
        return INTERNAL_ERROR
    code, detail = _CODES_OF_THE_FRAMEWORK[error.code]
    methods = getattr(error, "valid_methods", None)
    return Problem(code, detail, headers={"Allow": ", ".join(sorted(methods))} if methods else {})
