"""Read what the schemas cannot check: the `Accept` header, the media type and the body's bytes."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from hypercorn.typing import WWWScope
from quart import Request
from werkzeug.datastructures import Headers, MultiDict

from quart_contract.accepts import accepts_json
from quart_contract.operations import JSON, Operation, Parameter
from quart_contract.problems import Problem
from quart_contract.strict_json import JsonValue, MalformedJsonError, parse

MAX_PARAMETERS = 100
"""The most parameters of a query. It is checked before the query is parsed."""
MAX_CONTENT_TYPE_LENGTH = 256
"""The most characters of a `Content-Type`. A longer one is not parsed, and is not JSON."""
LONG_BODY_BYTES = 8 * 1024
LONG_QUERY_BYTES = 1024
"""A query of this length takes about as long to check as a long body."""

_CHARSETS = {"", "utf-8", "utf8", "us-ascii", "ascii"}
_NO_QUERY = MultiDict[str, str]()


class RawRequest(NamedTuple):
    """The parts of a request, as text. The body is parsed, or `UNSET` if none was sent."""

    path: Mapping[str, str]
    query: MultiDict[str, str]
    headers: Headers
    body: JsonValue | msgspec.UnsetType

    def values(self, parameter: Parameter) -> Sequence[str]:
        """Return every value that was sent for a parameter."""
        match parameter.location:
            case "path":
                return [self.path[parameter.name]]
            case "query":
                texts = self.query.getlist(parameter.name)
                return [] if parameter.allows_empty and not any(texts) else texts
            case _:
                return self.headers.getlist(parameter.name)


async def read_body(request: Request, operation: Operation) -> bytes | msgspec.UnsetType:
    """Return the JSON body as bytes, or `UNSET` if none was sent, or an empty one.

    Raises `Problem` for a media type that the operation does not accept, and for any body if the
    operation accepts none.
    """
    raw = b""
    is_announced = announces_body(request.scope)
    if not is_announced and operation.body is None and request.http_version.startswith("1"):
        return msgspec.UNSET
    if not is_announced or _is_in_chunks(request.scope):
        # Only reading shows whether there is a body: some proxies and clients send an empty one in
        # chunks, and HTTP/2 and test clients send one without a length.
        raw = await _read(request)
        if not raw:
            return msgspec.UNSET
    if operation.body is None:
        # The body would stay unread. If the client broke it off, the operation would already
        # have run, and the error would go unnoticed.
        raise Problem("malformed_request", "This operation does not accept a body.")
    types = operation.body.media_types
    fault = media_type_fault(request, types)
    if fault is not None:
        raise Problem("unsupported_media_type", fault, headers={"Accept": ", ".join(types)})
    return raw or await _read(request)


async def _read(request: Request) -> bytes:
    return await request.get_data(cache=True, as_text=False, parse_form_data=False)


def is_long(request: Request, raw: bytes | msgspec.UnsetType) -> bool:
    """Return whether the check of a request can block the event loop for some milliseconds."""
    is_long_body = not isinstance(raw, msgspec.UnsetType) and len(raw) > LONG_BODY_BYTES
    return is_long_body or len(request.query_string) > LONG_QUERY_BYTES


def parse_body(raw: bytes | msgspec.UnsetType) -> JsonValue | msgspec.UnsetType:
    """Return a body as parsed JSON, or `UNSET`. Raises `Problem` if it is not valid JSON."""
    if isinstance(raw, msgspec.UnsetType):
        return raw
    try:
        return parse(raw, whole_as_integer=True)
    except MalformedJsonError as error:
        detail = f"The body cannot be parsed: {error}."
        raise Problem("malformed_json", detail) from None


def read_query(request: Request) -> MultiDict[str, str]:
    """Return the parsed query. Raises `Problem` for more than `MAX_PARAMETERS` parameters."""
    if not request.query_string:
        return _NO_QUERY
    if request.query_string.count(b"&") >= MAX_PARAMETERS:
        raise Problem("invalid_request", f"The query has more than {MAX_PARAMETERS} parameters.")
    return request.args


def check_accept(request: Request, operation: Operation) -> None:
    """Raise `Problem` if the operation returns JSON and the request does not accept it."""
    accepted = request.headers.getlist("Accept")
    if operation.returns_json and accepted and not accepts_json(accepted):
        detail = f"This operation returns {JSON}, which the `Accept` header excludes."
        raise Problem("not_acceptable", detail)


def media_type_fault(request: Request, media_types: Sequence[str]) -> str | None:
    """Return why the headers do not declare plain JSON in UTF-8, for the client, or None."""
    types = request.headers.getlist("Content-Type")
    if len(types) > 1:
        return "`Content-Type` must not be repeated."
    is_short = sum(map(len, types)) <= MAX_CONTENT_TYPE_LENGTH
    if not is_short or request.mimetype not in media_types:
        return f"`Content-Type` must be {' or '.join(media_types)}."
    charset = request.mimetype_params.get("charset", "").strip("'\" ").lower()
    if charset not in _CHARSETS:
        return "The body must be in UTF-8, with `charset=utf-8` or without `charset`."
    codings = [each.lower() for each in request.headers.getlist("Content-Encoding")]
    if codings not in ([], ["identity"]):
        return "The body must be sent without `Content-Encoding`."
    return None


def announces_body(scope: WWWScope) -> bool:
    """Return whether the headers announce a body. In chunks, it can still be empty."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0"))
        for name, value in scope["headers"]
    )


def _is_in_chunks(scope: WWWScope) -> bool:
    return any(name == b"transfer-encoding" for name, _ in scope["headers"])
