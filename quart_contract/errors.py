"""Turns every error into a problem document: the one place where errors are rendered."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import structlog
from quart import Quart, Response, request
from werkzeug.exceptions import HTTPException

from quart_contract.problems import ENGINE_CODES, INTERNAL_ERROR, MEDIA_TYPE, Problem
from quart_contract.problems import ProblemCatalogue as Catalogue

logger = structlog.get_logger("quart_contract")


class ProblemFrom(NamedTuple):
    """How a problem is made of an exception. `codes` are all that the problem can have."""

    codes: frozenset[str]
    make: Callable[[Any], Problem]

    @classmethod
    def code(cls, code: str, make: Callable[[Any], Problem]) -> "ProblemFrom":
        """Return one whose problems all have the same code."""
        return cls(frozenset({code}), make)


Problems: TypeAlias = Mapping[type[Exception], Problem | ProblemFrom]
"""The problem that an exception is answered with."""

Observe: TypeAlias = Callable[[Problem], str | None]
"""Called with each problem before it is rendered; returns the id of the request, if it has one."""

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
    """Yield a difference for each code that the contract does not have, and where it is used."""
    uses = dict.fromkeys(codes, "the service") | dict.fromkeys(ENGINE_CODES, "the engine")
    for kind, problem in problems.items():
        found = {problem.code} if isinstance(problem, Problem) else problem.codes
        uses |= dict.fromkeys(found, kind.__name__)
    for code, user in sorted(uses.items()):
        if code not in catalogue.kinds:
            yield f"problem code {code}: {user} uses it, and the contract does not have it"


def render_errors(app: Quart, catalogue: Catalogue, problems: Problems, observe: Observe) -> None:
    """Register the handlers that render every error of `app`."""

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
