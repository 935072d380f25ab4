"""Problem documents (RFC 9457). Status and title of each code are the contract's."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from quart_contract.document import ContractError, Document
from quart_contract.faults import MAX_FAULTS, Fault

MEDIA_TYPE = "application/problem+json"
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_NO_EXTENSIONS: Mapping[str, object] = MappingProxyType({})


class Problem(Exception):  # noqa: N818 - the term of RFC 9457
    """An error that is answered as a problem document; `detail` must quote nothing secret."""

    def __init__(
        self,
        code: str,
        detail: str,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] = _NO_HEADERS,
        extensions: Mapping[str, object] = _NO_EXTENSIONS,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.faults = faults
        self.headers = headers
        self.extensions = extensions


class Kind(NamedTuple):
    """What all problems of one code have in common."""

    status: int
    title: str
    description: str


class ProblemDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """The contract's schema `Problem`."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str | None = None
    errors: Sequence[Fault] = ()


class ProblemCatalogue:
    """The kinds of problem that the contract knows, by code."""

    def __init__(self, document: Document) -> None:
        schema = document.tree["components"]["schemas"]["ProblemCode"]
        self.kinds = {code: Kind(**kind) for code, kind in schema["x-problems"].items()}
        if list(self.kinds) != schema["enum"]:
            raise ContractError("ProblemCode: enum and x-problems do not name the same codes")

    def status(self, problem: Problem) -> int:
        """The HTTP status of a problem."""
        return self.kinds[problem.code].status

    def render(self, problem: Problem, *, path: str, request_id: str | None = None) -> bytes:
        """Write the document; `path` is the decoded path that was asked for."""
        kind = self.kinds[problem.code]
        document = ProblemDocument(
            type=f"/problems#{problem.code}",
            title=kind.title,
            status=kind.status,
            detail=problem.detail,
            instance=quote(path, safe="/:@!$&'()*+,;=~"),
            code=problem.code,
            request_id=request_id,
            errors=problem.faults[:MAX_FAULTS],
        )
        if problem.extensions:
            return msgspec.json.encode({**msgspec.to_builtins(document), **problem.extensions})
        return msgspec.json.encode(document)


def invalid_request(faults: Sequence[Fault]) -> Problem:
    """The problem of a request that the contract refuses.

    There may be more faults than `MAX_FAULTS` if there is one more, since checks stop there.
    """
    count = "1 error" if len(faults) == 1 else f"{len(faults)} errors"
    if len(faults) > MAX_FAULTS:
        count = f"more than {MAX_FAULTS} errors"
    limit = f", which lists the first {MAX_FAULTS}" if len(faults) > MAX_FAULTS else ""
    return Problem("invalid_request", f"The request has {count}. See `errors`{limit}.", faults)


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
"""The codes of the problems that the engine itself raises. A contract must have all of them."""
