"""What is wrong with an input, in words of our own: a fault for each place."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jsonschema_rs
import msgspec
from jsonschema_rs import ValidationErrorKind as Kind


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fault. Exactly one of `pointer`, `parameter` and `header` says where."""

    pointer: str | None = None
    parameter: str | None = None
    header: str | None = None
    detail: str


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
    "minProperties": "has fewer than {} members",
    "maxProperties": "has more than {} members",
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
_UNKNOWN = "is not a member that is known here"


def body_faults(
    error: jsonschema_rs.ValidationError, patterns: Mapping[str, str]
) -> Iterator[Fault]:
    """Turn one schema error in a body into faults, each pointing to its own place."""
    place = list(error.instance_path)
    match error.kind:
        case Kind.AdditionalProperties(unexpected) | Kind.UnevaluatedProperties(unexpected):
            for name in unexpected:
                yield Fault(detail=_UNKNOWN, pointer=pointer([*place, name]))
        case Kind.Required(name):
            yield Fault(detail="is required", pointer=pointer([*place, name]))
        case Kind.OneOfNotValid(choices):
            yield from _faults_of_choices(choices, patterns)
        case _:
            yield Fault(detail=describe(error, patterns), pointer=pointer(place))


def _faults_of_choices(
    choices: Sequence[Sequence[jsonschema_rs.ValidationError]], patterns: Mapping[str, str]
) -> Iterator[Fault]:
    """The faults of the choice that was meant: of one whose constants fit, if there is one."""
    meant = [each for each in choices if not any(fault.kind.name == "const" for fault in each)]
    if not meant:
        constants = [each for choice in choices for each in choice if each.kind.name == "const"]
        values = ", ".join(str(each.kind.value) for each in constants)
        yield Fault(
            detail=f"is not one of {values}", pointer=pointer(list(constants[0].instance_path))
        )
        return
    first, *others = [
        [fault for each in choice for fault in body_faults(each, patterns)] for choice in meant
    ]
    # Where several could be meant, what is wrong for all of them.
    shared = set(first).intersection(*others)
    yield from (fault for fault in first if fault in shared)


def describe(error: jsonschema_rs.ValidationError, patterns: Mapping[str, str]) -> str:
    """Say what is wrong without quoting the value, which may be long or secret.

    `patterns` says in words what it means not to match a pattern.
    """
    if error.kind.name == "pattern" and error.kind.value in patterns:
        return patterns[error.kind.value]
    sentence = _SENTENCES.get(error.kind.name, "does not fit the contract")
    return sentence.format(_words(error.kind.name, error.kind.value))


def pointer(path: list[str | int]) -> str:
    """Write a path as a JSON Pointer (RFC 6901)."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def _words(keyword: str, value: Any) -> str:  # noqa: ANN401 - a keyword's value can be any JSON
    if keyword == "type":
        return " or ".join(_ARTICLES.get(each, each) for each in value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
