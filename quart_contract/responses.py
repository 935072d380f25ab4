"""Convert the results of handlers to responses."""

from collections.abc import Mapping
from typing import TypeAlias

import msgspec
from quart import Response

from quart_contract.operations import JSON
from quart_contract.strict_json import write

_JSON_HEADERS = {"Content-Type": JSON}


Body: TypeAlias = msgspec.Struct | None
HandlerResult: TypeAlias = msgspec.Struct | tuple[Body, int] | tuple[Body, int, Mapping[str, str]]
"""The result of a handler: a struct (status 200), `(body, status)` or `(body, status, headers)`.

A body of None means no content. The return annotation of a handler gives each status as a
`Literal`.
"""


def to_response(result: HandlerResult) -> Response:
    """Return the response for the result of a handler."""
    if isinstance(result, msgspec.Struct):
        return Response(write(result), 200, _JSON_HEADERS)
    body, status, *rest = result
    headers = dict[str, str](rest[0] if rest else {})
    if body is None:
        return Response(b"", status, headers)
    return Response(write(body), status, {**_JSON_HEADERS, **headers})
