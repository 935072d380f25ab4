"""Violations: what is wrong with an input, at which place, in the engine's own words."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import jsonschema_rs
import msgspec
from jsonschema_rs import ValidationErrorKind as Kind

MAX_VIOLATIONS = 100
"""The most violations that a problem lists. Checks stop after one more."""

BodyPath: TypeAlias = tuple[str | int, ...]
"""The property names and array indices that lead to a value in a body."""

Details: TypeAlias = Mapping[tuple[str, str], str]
"""Error details in words, by keyword (`pattern` or `format`) and its value."""


class Violation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One violation of a request, as a problem lists it under `errors`.

    Exactly one of `pointer`, `parameter` and `header` says where the violation is.
    """

    pointer: str | None = None
    """A place in the body, as a JSON Pointer (RFC 6901). The whole body is the empty string."""
    parameter: str | None = None
    """The name of a parameter in the path or the query."""
    header: str | None = None
    """The name of a header."""
    detail: str
    """What is wrong, in words. It quotes no value that the client sent."""


_SENTENCES = {
    "type": "is not {}",
    "const": "is not {}",
    "enum": "is not one of {}",
    "minLength": "has fewer than {} characters",
    "maxLength": "has more than {} characters",
    "minimum": "is less than {}",
    "maximum": "is greater than {}",
    "minItems": "has fewer than {} items",
    "maxItems": "has more than {} items",
    "uniqueItems": "has equal items",
    "minProperties": "has fewer than {} properties",
    "maxProperties": "has more than {} properties",
    "multipleOf": "is not a multiple of {}",
    "format": "is not a valid {}",
    "pattern": "does not match {}",
}
_ARTICLES = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "a boolean",
    "object": "an object",
    "array": "an array",
}
UNEXPLAINED = "does not match the contract"
_UNKNOWN = "is an unknown property"


def violations_of(
    error: jsonschema_rs.ValidationError, path: BodyPath, details: Details
) -> Iterator[Violation]:
    """Yield the violations for a schema error of the value at `path`, each with its own pointer."""
    match error.kind:
        case Kind.AdditionalProperties(unexpected) | Kind.UnevaluatedProperties(unexpected):
            for name in unexpected:
                yield Violation(detail=_UNKNOWN, pointer=pointer((*path, name)))
        case Kind.Required(name):
            yield Violation(detail="is required", pointer=pointer((*path, name)))
        case _:
            inside = (*path, *error.instance_path)
            yield Violation(detail=message_of(error, details), pointer=pointer(inside))


def message_of(error: jsonschema_rs.ValidationError, details: Details) -> str:
    """Return what is wrong, without quoting the value, which may be long or secret.

    `details` maps a pattern or a format to the detail for a value that does not match it.
    """
    if error.kind.name in ("pattern", "format"):
        detail = details.get((error.kind.name, error.kind.value))
        if detail is not None:
            return detail
    sentence = _SENTENCES.get(error.kind.name, UNEXPLAINED)
    return sentence.format(_words(error.kind.name, error.kind.value))


def pointer(path: BodyPath) -> str:
    """Return a place as a JSON Pointer (RFC 6901)."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def _words(keyword: str, value: Any) -> str:  # noqa: ANN401 - a keyword's value can be any JSON
    if keyword == "type":
        return " or ".join(_ARTICLES.get(each, each) for each in value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
