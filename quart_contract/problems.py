"""Problem documents (RFC 9457). The contract gives the status and the title of each code."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import quote

import msgspec
from hypercorn.typing import HTTPResponseBodyEvent, HTTPResponseStartEvent

from quart_contract.document import ContractError, Document
from quart_contract.violations import MAX_VIOLATIONS, Violation

MEDIA_TYPE = "application/problem+json"
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_NO_EXTENSIONS: Mapping[str, object] = MappingProxyType({})


class Problem(Exception):  # noqa: N818 - the term of RFC 9457
    """An error that the engine renders as a problem document (RFC 9457).

    Raise it in a handler or a security scheme, or map an exception to it in `Contract.install`.

    Args:
        code: one of the contract's problem codes, which gives the status and the title.
        detail: what is wrong and what to do, for the client. It must quote nothing secret.
        violations: the violations for `errors`. The document lists the first `MAX_VIOLATIONS`.
        headers: additional headers of the response, such as `Retry-After`.
        extensions: additional properties of the document. The contract must allow them.

    """

    def __init__(
        self,
        code: str,
        detail: str,
        violations: Sequence[Violation] = (),
        headers: Mapping[str, str] = _NO_HEADERS,
        extensions: Mapping[str, object] = _NO_EXTENSIONS,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.violations = violations
        self.headers = headers
        self.extensions = extensions


class Kind(NamedTuple):
    """The status, title and description that all problems of one code share."""

    status: int
    title: str
    description: str


class ProblemDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of an error response: the contract's schema `Problem`."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str | None = None
    errors: Sequence[Violation] = ()


class ProblemCatalogue:
    """The kinds of problem that the contract lists, by code.

    `base_path` is where the service is mounted, in the addresses of problems.

    Raises `ContractError` if the schema `ProblemCode` is missing or not of this form, or if its
    `enum` and `x-problems` list different codes.
    """

    def __init__(self, document: Document, base_path: str = "") -> None:
        self._base_path = base_path
        try:
            schema = document.tree["components"]["schemas"]["ProblemCode"]
            self.kinds = {code: Kind(**kind) for code, kind in schema["x-problems"].items()}
            codes = schema["enum"]
        except (KeyError, TypeError):
            raise ContractError(
                "components.schemas.ProblemCode: needs enum, and x-problems with status, title and "
                "description for each code"
            ) from None
        if list(self.kinds) != codes:
            raise ContractError("ProblemCode: enum and x-problems do not name the same codes")

    def status(self, problem: Problem) -> int:
        """Return the HTTP status of a problem."""
        return self.kinds[problem.code].status

    def render(self, problem: Problem, *, path: str, request_id: str | None = None) -> bytes:
        """Return the document as JSON.

        `path` is the decoded path of the request, without the base path.
        """
        kind = self.kinds[problem.code]
        document = ProblemDocument(
            type=f"{self._base_path}/problems#{problem.code}",
            title=kind.title,
            status=kind.status,
            detail=problem.detail,
            instance=self._base_path + quote(path, safe="/:@!$&'()*+,;=~"),
            code=problem.code,
            request_id=request_id,
            errors=problem.violations[:MAX_VIOLATIONS],
        )
        encoded = msgspec.json.encode(document)
        if problem.extensions:
            return b"".join((encoded[:-1], b",", msgspec.json.encode(problem.extensions)[1:]))
        return encoded

    def events(
        self, problem: Problem, *, path: str, request_id: str | None = None
    ) -> tuple[HTTPResponseStartEvent, HTTPResponseBodyEvent]:
        """Return the ASGI events of a response with the document."""
        body = self.render(problem, path=path, request_id=request_id)
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        return (
            {"type": "http.response.start", "status": self.status(problem), "headers": headers},
            {"type": "http.response.body", "body": body, "more_body": False},
        )


def invalid_request(violations: Sequence[Violation]) -> Problem:
    """Return the problem for a request that violates the contract.

    Checks stop at `MAX_VIOLATIONS` + 1 violations. So if there are that many, the exact number is
    unknown, and the detail says "more than".
    """
    count = "1 error" if len(violations) == 1 else f"{len(violations)} errors"
    if len(violations) > MAX_VIOLATIONS:
        count = f"more than {MAX_VIOLATIONS} errors"
    limit = f", which lists the first {MAX_VIOLATIONS}" if len(violations) > MAX_VIOLATIONS else ""
    return Problem("invalid_request", f"The request has {count}. See `errors`{limit}.", violations)


INTERNAL_ERROR = Problem(
    "internal_error", "The server failed to process the request. Report it with `request_id`."
)

ENGINE_CODES = frozenset(
    {
        "content_too_large",
        "internal_error",
        "invalid_request",
        "malformed_json",
        "malformed_request",
        "method_not_allowed",
        "not_acceptable",
        "path_not_found",
        "request_timeout",
        "unsupported_media_type",
    }
)
"""The codes of the problems that the engine raises. A contract must list all of them."""
