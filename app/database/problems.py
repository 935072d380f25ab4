"""The problems with which the API responds to errors of the database."""

from quart_contract import Problem, ProblemFrom

from .driver.errors import DatabaseUnavailableError, SearchTimeoutError

PROBLEMS: dict[type[Exception], Problem | ProblemFrom] = {
    DatabaseUnavailableError: Problem(
        "database_unavailable",
        "The database is unavailable. Retry after `Retry-After` seconds.",
        headers={"Retry-After": "1"},
    ),
    SearchTimeoutError: Problem(
        "search_timeout",
        "The search timed out. Narrow it with `status`, `due_after` or `due_before`.",
        headers={"Retry-After": "5"},
    ),
}
