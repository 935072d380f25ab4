"""How the errors of authentication are answered."""

from app.auth.errors import (
    InvalidTokenError,
    KeysUnavailableError,
    MissingTokenError,
    RateLimitedError,
    TooManyInFlightError,
)
from quart_contract import Problem, ProblemFrom


def _rate_limited(error: RateLimitedError) -> Problem:
    detail = "More requests came than are allowed; wait for Retry-After seconds."
    return Problem("rate_limited", detail, headers={"Retry-After": str(error.seconds)})


PROBLEMS: dict[type[Exception], Problem | ProblemFrom] = {
    MissingTokenError: Problem(
        "missing_token",
        "Send an Authorization header with a bearer token.",
        headers={"WWW-Authenticate": "Bearer"},
    ),
    InvalidTokenError: Problem(
        "invalid_token",
        "The bearer token is malformed, forged, expired or not meant for this service.",
        headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
    ),
    KeysUnavailableError: Problem(
        "keys_unavailable",
        "The issuer's keys, which tokens are verified with, cannot be had at the moment.",
        headers={"Retry-After": "5"},
    ),
    RateLimitedError: ProblemFrom.code("rate_limited", _rate_limited),
    TooManyInFlightError: Problem(
        "too_many_in_flight",
        "Too many of your requests, or unread bytes of their responses, are in flight.",
        headers={"Retry-After": "1"},
    ),
}
