"""What handlers return, as responses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import msgspec
from quart import Response

from quart_contract.operations import JSON
from quart_contract.strict_json import write

T = TypeVar("T", bound=msgspec.Struct)

_JSON_HEADERS = {"Content-Type": JSON}


@dataclass(frozen=True, slots=True)
class Encoded(Generic[T]):
    """A `T` that is JSON already, such as one that was stored."""

    data: bytes


Body: TypeAlias = msgspec.Struct | Encoded[msgspec.Struct] | None
Result: TypeAlias = msgspec.Struct | tuple[Body, int] | tuple[Body, int, Mapping[str, str]]
"""What a handler can return: a body, which is None for no content, with a status and headers.

A struct alone has the status 200. The annotation of a handler names each status as a `Literal`.
"""


def answer(result: Result) -> Response:
    """Make the response of a handler's result."""
    if isinstance(result, msgspec.Struct):
        return Response(write(result), 200, _JSON_HEADERS)
    body, status, *rest = result
    headers = dict[str, str](rest[0] if rest else {})
    if body is None:
        return Response(b"", status, headers)
    data = body.data if isinstance(body, Encoded) else write(body)
    return Response(data, status, {**_JSON_HEADERS, **headers})
