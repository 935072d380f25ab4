"""The problems with which the API responds to errors of authentication."""

from quart_contract import Problem, ProblemFrom

from .errors import (
    InvalidTokenError,
    KeysUnavailableError,
    MissingTokenError,
    RateLimitedError,
    TooManyInFlightError,
)


def _rate_limited(error: RateLimitedError) -> Problem:
    detail = "Too many requests. Retry after `Retry-After` seconds."
    return Problem("rate_limited", detail, headers={"Retry-After": str(error.seconds)})


PROBLEMS: dict[type[Exception], Problem | ProblemFrom] = {
    MissingTokenError: Problem(
        "missing_token",
        "The request has no bearer token. Send one in the `Authorization` header.",
        headers={"WWW-Authenticate": "Bearer"},
    ),
    InvalidTokenError: Problem(
        "invalid_token",
        "The bearer token is invalid, expired or meant for another service. Sign in again.",
        headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
    ),
    KeysUnavailableError: Problem(
        "keys_unavailable",
        "The server could not fetch the keys that verify tokens. "
        "Retry after `Retry-After` seconds.",
        headers={"Retry-After": "5"},
    ),
    RateLimitedError: ProblemFrom.code("rate_limited", _rate_limited),
    TooManyInFlightError: Problem(
        "too_many_in_flight",
        "You have too many requests in flight, or too many unread bytes of responses.",
        headers={"Retry-After": "1"},
    ),
}
