"""Render every error as a problem document. No other module renders errors."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import structlog
from quart import Quart, Response, request
from werkzeug.exceptions import HTTPException

from quart_contract.problems import ENGINE_CODES, INTERNAL_ERROR, MEDIA_TYPE, Problem
from quart_contract.problems import ProblemCatalogue as Catalogue

logger = structlog.get_logger("quart_contract")


class ProblemFrom(NamedTuple):
    """A function that makes a problem from an exception, for `Contract.install`.

    Use it where the problem depends on the exception; otherwise map the exception to a `Problem`.
    """

    codes: frozenset[str]
    """All codes that the problems can have. They are compared with the contract at start."""
    make: Callable[[Any], Problem]
    """Return the problem for an exception."""

    @classmethod
    def code(cls, code: str, make: Callable[[Any], Problem]) -> "ProblemFrom":
        """Return a `ProblemFrom` whose problems all have the code `code`."""
        return cls(frozenset({code}), make)


Problems: TypeAlias = Mapping[type[Exception], Problem | ProblemFrom]
"""The problem, or how to make it, for each exception type. Subclasses are included."""

Observe: TypeAlias = Callable[[Problem], str | None]
"""Called with each problem before it is rendered. Returns the id of the request, or None."""

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


def unknown_codes(catalogue: Catalogue, problems: Problems, codes: Iterable[str]) -> Iterator[str]:
    """Yield a line for each code that the contract does not have, with the place that uses it."""
    uses = dict.fromkeys(codes, "the service") | dict.fromkeys(ENGINE_CODES, "the engine")
    for kind, problem in problems.items():
        found = {problem.code} if isinstance(problem, Problem) else problem.codes
        uses |= dict.fromkeys(found, kind.__name__)
    for code, user in sorted(uses.items()):
        if code not in catalogue.kinds:
            yield f"problem code {code}: {user} uses it, and the contract does not have it"


def render_errors(app: Quart, catalogue: Catalogue, problems: Problems, observe: Observe) -> None:
    """Register error handlers that render every error of `app` as a problem document."""

    def respond(problem: Problem) -> Response:
        body = catalogue.render(problem, path=request.path, request_id=observe(problem))
        headers = {"Content-Type": MEDIA_TYPE, **problem.headers}
        return Response(body, catalogue.status(problem), headers)

    def handler(make: Callable[[Any], Problem]) -> Callable[[Exception], Awaitable[Response]]:
        async def render(error: Exception) -> Response:
            problem = make(error)
            logger.debug("request rejected", code=problem.code, reason=str(error))
            return respond(problem)

        return render

    app.register_error_handler(Problem, handler(lambda error: error))
    app.register_error_handler(HTTPException, handler(_of_http))
    for kind, problem in problems.items():
        app.register_error_handler(kind, handler(_maker(problem)))


def _maker(problem: Problem | ProblemFrom) -> Callable[[Any], Problem]:
    return (lambda _: problem) if isinstance(problem, Problem) else problem.make


def _of_http(error: HTTPException) -> Problem:
    if error.code not in _CODES_OF_THE_FRAMEWORK:
        return INTERNAL_ERROR
    code, detail = _CODES_OF_THE_FRAMEWORK[error.code]
    methods = getattr(error, "valid_methods", None)
    return Problem(code, detail, headers={"Allow": ", ".join(sorted(methods))} if methods else {})
