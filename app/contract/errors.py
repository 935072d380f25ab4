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
    "Send an Authorization header with a bearer token.",
    headers={"WWW-Authenticate": "Bearer"},
)
INVALID_TOKEN = Problem(
    "invalid_token",
    "The bearer token is malformed, forged, expired or not meant for this service.",
    headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
)
KEYS_UNAVAILABLE = Problem(
    "keys_unavailable",
    "The issuer's keys, which tokens are verified with, cannot be had at the moment.",
    headers={"Retry-After": "5"},
)
DATABASE_UNAVAILABLE = Problem(
    "database_unavailable",
    "The database cannot be reached at the moment.",
    headers={"Retry-After": "1"},
)
SEARCH_TIMEOUT = Problem(
    "search_timeout",
    "The search took too long. Narrow it with status, due_after or due_before.",
    headers={"Retry-After": "5"},
)
TOO_MANY_IN_FLIGHT = Problem(
    "too_many_in_flight",
    "Too many of your requests, or unread bytes of their responses, are in flight.",
    headers={"Retry-After": "1"},
)
TASK_NOT_FOUND = Problem("task_not_found", "You have no task with this id.")
CHANGE_TOKEN_EXPIRED = Problem(
    "change_token_expired",
    "What changed since this token is not known any more; begin anew, without since.",
)
PRECONDITION_FAILED = Problem(
    "precondition_failed", "The task is not the version that was expected; read it again."
)
IDEMPOTENCY_KEY_IN_USE = Problem(
    "idempotency_key_in_use",
    "A request with this Idempotency-Key is still being carried out.",
    headers={"Retry-After": "1"},
)
IDEMPOTENCY_KEY_REUSED = Problem(
    "idempotency_key_reused",
    "This Idempotency-Key came with another body before; make a new one.",
    [Fault(detail="came with another body before", header="Idempotency-Key")],
)
TASK_QUOTA_REACHED = Problem(
    "task_quota_reached", "You have as many tasks as one user may have; delete some first."
)
INVALID_CURSOR = invalid_request(
    [Fault(detail="was not made for this user and these filters", parameter="cursor")]
)
NOT_CONFIRMED = invalid_request(
    [Fault(detail="is not the id of the token's user", parameter="confirm")]
)
INTERNAL_ERROR = Problem("internal_error", "The service failed; it was not your request's fault.")

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
    400: ("malformed_request", "The request cannot be read."),
    404: ("path_not_found", "Nothing lives at this path."),
    405: ("method_not_allowed", "This path does not have this method; Allow lists those it has."),
    408: ("request_timeout", "The body did not arrive in time."),
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
        detail = "More requests came than are allowed; wait for Retry-After seconds."
        headers = {"Retry-After": str(error.seconds)}
        return respond(Problem("rate_limited", detail, headers=headers))

    async def render_budget(error: StorageBudgetReachedError) -> Response:
        detail = (
            "Your idempotency keys use up their storage; send the request without a key, "
            "or wait for Retry-After seconds."
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
        logger.debug("refused", code=problem.code, reason=str(error))
        return respond(problem)

    return render


def _of_an_operation(error: OperationError) -> Problem:
    kind = type(error.error)
    problem = _PROBLEMS[kind]
    pointer = f"/operations/{error.index}{_PLACES_IN_AN_OPERATION[kind]}"
    fault = Fault(detail="is why nothing was carried out", pointer=pointer)
    return Problem(problem.code, problem.detail, [fault], problem.headers)


def _of_the_framework(error: HTTPException) -> Problem:
    if error.code not in _CODES_OF_THE_FRAMEWORK:
        return INTERNAL_ERROR
    code, detail = _CODES_OF_THE_FRAMEWORK[error.code]
    methods = getattr(error, "valid_methods", None)
    return Problem(code, detail, headers={"Allow": ", ".join(sorted(methods))} if methods else {})
