"""What handlers answer, as responses."""

from collections.abc import Mapping
from typing import TypeAlias

import msgspec
from quart import Response

from app.contract.operations import JSON
from app.strict_json import write

_HEADERS = {"Content-Type": JSON}

Result: TypeAlias = (
    Response | msgspec.Struct | tuple[msgspec.Struct, int, Mapping[str, str]] | tuple[str, int]
)
"""What a handler can answer: a carrier of JSON, with a status and headers where they matter."""


def answer(result: Result) -> Response:
    """Make the response of a handler's result."""
    if isinstance(result, Response):
        return result
    if isinstance(result, msgspec.Struct):
        return Response(write(result), 200, _HEADERS)
    if len(result) == 2:  # noqa: PLR2004 - a text and its status
        return Response(*result)
    value, status, headers = result
    return Response(write(value), status, {**_HEADERS, **headers})
