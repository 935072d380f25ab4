"""The problem with which the API responds to a request that cannot wait."""

from quart_contract import Problem, ProblemFrom

from .errors import TooManyWaitingError

PROBLEMS: dict[type[Exception], Problem | ProblemFrom] = {
    TooManyWaitingError: Problem(
        "too_many_waiting",
        "Too many requests are waiting for changes. Retry after `Retry-After` seconds, "
        "or without `wait`.",
        headers={"Retry-After": "5"},
    ),
}
