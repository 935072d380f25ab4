"""Check requests against the contract's own JSON Schemas, which are compiled at start."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

import msgspec

from quart_contract.document import Document
from quart_contract.explanations import Explanations
from quart_contract.operations import Body, Operation, Parameter
from quart_contract.requests import RawRequest
from quart_contract.schemas import compile_schema
from quart_contract.strict_json import JsonValue
from quart_contract.violations import MAX_VIOLATIONS, UNEXPLAINED, Violation, message_of

# A number with more digits than a 64-bit integer stays text, which no integer schema accepts.
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})")
# The number syntax of JSON, limited to exponents that cannot overflow a double.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?")
_LOST_PLUS = re.compile(r"(?<=[0-9]) (?=[0-9]{2}:[0-9]{2}\Z)")


class RequestValidator:
    """Validates the requests of one operation.

    `types` gives the type of each argument of the handler. Checked values are converted to it.
    Raises `ContractError` for a schema that cannot be compiled.
    """

    def __init__(self, document: Document, operation: Operation, types: Mapping[str, Any]) -> None:
        self._types = types
        self._parameters = [ParameterValidator(document, each) for each in operation.parameters]
        self._queries = {each.name for each in operation.parameters if each.location == "query"}
        self._rejected = operation.rejected_headers
        self._body = BodyValidator(document, operation.body) if operation.body else None

    def arguments(self, received: RawRequest) -> tuple[dict[str, Any], list[Violation]]:
        """Check a request. Return the handler's arguments and the violations.

        With violations, the arguments are empty. At most `MAX_VIOLATIONS` + 1 are returned.
        """
        sent = [(validator, received.values(validator.parameter)) for validator in self._parameters]
        violations = list(islice(self._violations(received, sent), MAX_VIOLATIONS + 1))
        if violations:
            return {}, violations
        values = {validator.parameter.argument: validator.value(texts) for validator, texts in sent}
        if self._body is not None:
            values["body"] = self._body.value(received.body)
        return self._converted(values), violations

    def _violations(
        self, received: RawRequest, sent: Iterable[tuple["ParameterValidator", Sequence[str]]]
    ) -> Iterator[Violation]:
        for name in received.query:
            if name not in self._queries:
                yield Violation(detail="is an unknown parameter", parameter=name)
        for name in self._rejected:
            if name in received.headers:
                yield Violation(detail="is not supported by this operation", header=name)
        for validator, texts in sent:
            yield from validator.violations(texts)
        if self._body is not None:
            yield from self._body.violations(received.body)

    def _converted(self, values: dict[str, Any]) -> dict[str, Any]:
        return {
            name: None if value is None else msgspec.convert(value, self._types[name])
            for name, value in values.items()
        }


class ParameterValidator:
    """Validates one parameter, which arrives as text."""

    def __init__(self, document: Document, parameter: Parameter) -> None:
        self.parameter = parameter
        self._read = _reader(document, parameter)
        self._has_null = parameter.nullable and parameter.kind != "string"
        self._details = document.details
        self._validator = compile_schema(document, parameter.schema)

    def value(self, sent: Sequence[str]) -> JsonValue:
        """Return the parsed value of a parameter, or its default if no value was sent."""
        if not sent:
            return self.parameter.default
        if self.parameter.is_array:
            items = sent if self.parameter.explodes else sent[0].split(",") if sent[0] else []
            return [self._read(each) for each in items]
        return None if self._has_null and not sent[0] else self._read(sent[0])

    def violations(self, sent: Sequence[str]) -> Iterator[Violation]:
        """Yield every violation of the values that were sent."""
        keyword = "header" if self.parameter.location == "header" else "parameter"
        is_list = self.parameter.is_array and self.parameter.explodes
        if len(sent) > 1 and not is_list:
            yield Violation(detail="must not be repeated", **{keyword: self.parameter.name})
        elif sent:
            for error in self._validator.iter_errors(self.value(sent)):
                yield Violation(
                    detail=message_of(error, self._details), **{keyword: self.parameter.name}
                )
        elif self.parameter.required:
            yield Violation(detail="is required", **{keyword: self.parameter.name})


def _integer(text: str) -> JsonValue:
    return int(text) if _INTEGER.fullmatch(text) else text


def _number(text: str) -> JsonValue:
    return float(text) if _NUMBER.fullmatch(text) else text


def _boolean(text: str) -> JsonValue:
    return {"true": True, "false": False}.get(text, text)


def _string(text: str) -> JsonValue:
    return text


def _instant(text: str) -> JsonValue:
    # In a query, a plus sign that is not encoded arrives as a space.
    return _LOST_PLUS.sub("+", text)


# A value that cannot be parsed stays text, which the schema then rejects.
_READERS: Mapping[str, Callable[[str], JsonValue]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "string": _string,
}


def _reader(document: Document, parameter: Parameter) -> Callable[[str], JsonValue]:
    schema = document.resolve(parameter.schema)
    item = document.resolve(schema["items"]) if parameter.is_array else schema
    if parameter.location == "query" and item.get("format") == "date-time":
        return _instant
    return _READERS[parameter.kind]


class BodyValidator:
    """Validates the body of an operation.

    A body that was not sent is `UNSET`. JSON's null is a body and is checked against the schema,
    unless the contract says that null means no body.
    """

    def __init__(self, document: Document, body: Body) -> None:
        self._body = body
        compile_ = partial(compile_schema, document)
        self._validator = compile_(body.schema)
        self._explanation = Explanations(document, compile_).of(body.schema)

    def value(self, sent: JsonValue | msgspec.UnsetType) -> JsonValue:
        """Return the body, with the contract's defaults for absent properties."""
        sent = self._received(sent)
        if isinstance(sent, msgspec.UnsetType):
            return self._body.defaults
        return self._body.defaults | sent if isinstance(sent, dict) else sent

    def violations(self, sent: JsonValue | msgspec.UnsetType) -> Iterator[Violation]:
        """Yield every violation of the body. Each is searched for when it is requested."""
        sent = self._received(sent)
        if isinstance(sent, msgspec.UnsetType):
            if self._body.required:
                yield Violation(detail="a body is required", pointer="")
            return
        if self._validator.is_valid(sent):
            return
        is_explained = False
        for violation in self._explanation.violations(sent, ()):
            is_explained = True
            yield violation
        if not is_explained:
            yield Violation(detail=UNEXPLAINED, pointer="")

    def _received(self, sent: JsonValue | msgspec.UnsetType) -> JsonValue | msgspec.UnsetType:
        return msgspec.UNSET if sent is None and self._body.null_is_absent else sent
