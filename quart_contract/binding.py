"""Bind handlers to operations. Fail at start if the two differ."""

import inspect
import typing
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from quart import Blueprint, Quart, Request, Response
from quart.globals import request_ctx

from quart_contract.conformance import handler_differences
from quart_contract.document import Document
from quart_contract.operations import Operation
from quart_contract.problems import invalid_request
from quart_contract.requests import (
    RawRequest,
    check_accept,
    is_long,
    parse_body,
    read_body,
    read_query,
)
from quart_contract.responses import to_response
from quart_contract.routing import Segment, route
from quart_contract.security import SecurityScheme
from quart_contract.validation import RequestValidator

View = Callable[..., Any]
"""A view or a handler.

A view takes the path parameters of its route; a handler takes all arguments of its operation.
"""

Arguments: TypeAlias = dict[str, Any]
Schedule: TypeAlias = Callable[[Request, Callable[[], Arguments]], Awaitable[Arguments]]
"""Decides when the check of a long request runs.

It is called with the request and the check. It calls the check when the request's turn has come,
and returns the handler's arguments. Errors of the check must pass through.
"""

Schemes: TypeAlias = Mapping[str, SecurityScheme]
"""The security schemes, by the names that they have in the contract."""


class ContractDriftError(Exception):
    """The code and the contract differ.

    `Contract.install` raises it. The message has one line for each difference.
    """


def find_drifts(
    app: Quart, document: Document, bound: Iterable[Operation], schemes: Schemes
) -> list[str]:
    """Return a line for each difference between the operations and the app's handlers.

    The handlers are the functions that the app's blueprints registered with
    `@blueprint.endpoint`.
    """
    return [*_foreign_routes(app), *_drifts(document, bound, _handlers(app), schemes)]


def bind(
    app: Quart,
    document: Document,
    bound: Iterable[Operation],
    schemes: Schemes,
    schedule: Schedule | None = None,
) -> None:
    """Add a route for each operation, served by the handler that is registered under its name.

    Raises `ContractError` for a schema that cannot be compiled; then no route was added.
    """
    bound, handlers = tuple(bound), dict(_handlers(app))
    views = {}
    for each in bound:
        required = [schemes[name] for name in sorted(each.schemes)]
        handler = handlers[each.handler_name]
        views[each.handler_name] = _view(document, each, handler, required, schedule)
    app.url_map.converters[Segment.NAME] = Segment
    app.view_functions.update(views)
    paths = {operation.path for operation in bound}
    for operation in bound:
        rule = route(operation.path, paths)
        app.add_url_rule(rule, operation.handler_name, methods=[operation.method])


def _handlers(app: Quart) -> list[tuple[str, View]]:
    return [each for plan in app.blueprints.values() for each in plan.view_functions.items()]


def blueprint_of(name: str, *handlers: View) -> Blueprint:
    """Return a blueprint that registers each handler under its own name."""
    blueprint = Blueprint(name, __name__)
    blueprint.view_functions.update({each.__name__: each for each in handlers})
    return blueprint


def _foreign_routes(app: Quart) -> Iterator[str]:
    for rule in app.url_map.iter_rules():
        # Quart puts a blueprint's name and a dot before the endpoints of its own routes.
        if "." in rule.endpoint:
            yield f"route {rule.rule}: a blueprint defines it, but the contract defines all paths"


def _drifts(
    document: Document,
    bound: Iterable[Operation],
    handlers: list[tuple[str, View]],
    schemes: Schemes,
) -> Iterator[str]:
    names = [name for name, _ in handlers]
    expected = {operation.handler_name for operation in bound}
    for name in sorted(set(names)):
        if name not in expected:
            yield f"handler {name}: the contract has no such operation"
        elif names.count(name) > 1:
            yield f"handler {name}: registered {names.count(name)} times"
    for operation in bound:
        handler = dict(handlers).get(operation.handler_name)
        if handler is None:
            yield f"operation {operation.id}: there is no handler {operation.handler_name}"
        else:
            yield from _disagreements(document, operation, handler, schemes)


def _disagreements(
    document: Document, operation: Operation, handler: View, schemes: Schemes
) -> Iterator[str]:
    if not inspect.iscoroutinefunction(handler):
        yield f"operation {operation.id}: its handler is not async"
    for name in sorted(operation.schemes - schemes.keys()):
        yield f"operation {operation.id}: no security scheme {name} is installed"
    for name, scheme in schemes.items():
        if name in operation.schemes and not scheme.protects(handler):
            yield f"operation {operation.id}: its handler is not decorated for {name}"
        if name not in operation.schemes and scheme.protects(handler):
            yield f"operation {operation.id}: its handler is decorated for {name} without need"
    yield from _differing_arguments(operation, handler)
    for difference in handler_differences(document, operation, handler):
        yield f"operation {operation.id}: {difference}"


def _differing_arguments(operation: Operation, handler: View) -> Iterator[str]:
    accepted = set(inspect.signature(handler).parameters)
    for name in sorted(operation.arguments - accepted):
        yield f"operation {operation.id}: its handler does not take {name}"
    for name in sorted(accepted - operation.arguments):
        yield f"operation {operation.id}: its handler takes {name}, which the contract lacks"
    for name in sorted(accepted & operation.arguments - typing.get_type_hints(handler).keys()):
        yield f"operation {operation.id}: its handler does not say the type of {name}"


def _view(
    document: Document,
    operation: Operation,
    handler: View,
    schemes: list[SecurityScheme],
    schedule: Schedule | None,
) -> View:
    types: dict[str, Any] = typing.get_type_hints(handler)
    validator = RequestValidator(document, operation, types)

    async def checked(path: dict[str, str]) -> Arguments:
        current = request_ctx.request
        # Authenticate first: an unauthenticated client learns nothing about the contract.
        for scheme in schemes:
            await scheme.authenticate(current)
        check_accept(current, operation)
        raw = await read_body(current, operation)

        def arguments() -> Arguments:
            body, query = parse_body(raw), read_query(current)
            checked, violations = validator.arguments(
                RawRequest(path, query, current.headers, body)
            )
            if violations:
                raise invalid_request(violations)
            return checked

        if schedule is not None and is_long(current, raw):
            return await schedule(current, arguments)
        return arguments()

    async def view(**path: str) -> Response:
        # A function of its own, so that a request that waits does not keep what checked it.
        return to_response(await handler(**await checked(path)))

    return view
