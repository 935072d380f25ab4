"""Binds handlers to operations, and refuses to start where the two disagree."""

import inspect
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from quart import Quart, Response
from quart.globals import request_ctx

from app.auth.require_user import authenticate, requires_user
from app.contract.answers import answer
from app.contract.checks import RequestCheck
from app.contract.document import Document
from app.contract.long_bodies import LONG_BYTES, LONG_QUERY_BYTES, LongBodies
from app.contract.operations import Operation, operations
from app.contract.paths import Segment, route
from app.contract.problems import invalid_request
from app.contract.requests import Received, check_accept, parse_body, read_body, read_query

View = Callable[..., Any]
"""A view takes what its route names, and a handler what its operation does."""


class ContractDriftError(Exception):
    """The code and the contract differ; the message has a line for each difference."""


def bind(app: Quart, document: Document) -> None:
    """Give each operation its route, served by the handler that is registered under its name.

    Handlers are what the app's blueprints registered with `@blueprint.endpoint`. Raises
    `ContractDriftError` with every difference.
    """
    bound = operations(document)
    handlers = [each for plan in app.blueprints.values() for each in plan.view_functions.items()]
    drifts = [*_foreign_routes(app), *_drifts(bound, handlers)]
    if drifts:
        raise ContractDriftError("\n".join(drifts))
    app.url_map.converters[Segment.NAME] = Segment
    paths = {operation.path for operation in bound}
    long_bodies = LongBodies()
    for operation in bound:
        handler = dict(handlers)[operation.handler_name]
        app.view_functions[operation.handler_name] = _view(
            document, operation, handler, long_bodies
        )
        rule = route(operation.path, paths)
        app.add_url_rule(rule, operation.handler_name, methods=[operation.method])


def _foreign_routes(app: Quart) -> Iterator[str]:
    for rule in app.url_map.iter_rules():
        # Quart puts a blueprint's name and a dot before the endpoints of its own routes.
        if "." in rule.endpoint:
            yield f"route {rule.rule}: a blueprint defines it, but the contract defines all paths"


def _drifts(bound: Iterable[Operation], handlers: list[tuple[str, View]]) -> Iterator[str]:
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
            yield from _disagreements(operation, handler)


def _disagreements(operation: Operation, handler: View) -> Iterator[str]:
    if not inspect.iscoroutinefunction(handler):
        yield f"operation {operation.id}: its handler is not async"
    if operation.secured and not requires_user(handler):
        yield f"operation {operation.id}: it is secured, but its handler lacks @require_user"
    if not operation.secured and requires_user(handler):
        yield f"operation {operation.id}: it is public, but its handler has @require_user"
    yield from _differing_arguments(operation, handler)


def _differing_arguments(operation: Operation, handler: View) -> Iterator[str]:
    accepted = set(inspect.signature(handler).parameters)
    injected = {"user_id"} if requires_user(handler) else set()
    for name in sorted(operation.arguments - accepted):
        yield f"operation {operation.id}: its handler does not take {name}"
    for name in sorted(accepted - operation.arguments - injected):
        yield f"operation {operation.id}: its handler takes {name}, which the contract lacks"
    for name in sorted(accepted & operation.arguments - typing.get_type_hints(handler).keys()):
        yield f"operation {operation.id}: its handler does not say the type of {name}"


def _view(document: Document, operation: Operation, handler: View, long_bodies: LongBodies) -> View:
    types: dict[str, Any] = typing.get_type_hints(handler)
    check = RequestCheck(document, operation, types)

    async def view(**path: str) -> Response:
        current = request_ctx.request
        current.scope["state"].update(operation=operation.id, route=operation.path)
        user_id = ""
        if operation.secured:
            # Before anything of the request is looked at: whoever has no user learns nothing.
            user_id = await authenticate()
        check_accept(current, operation)
        raw = await read_body(current, operation)

        def arguments() -> dict[str, Any]:
            body, query = parse_body(raw), read_query(current)
            checked, faults = check.arguments(Received(path, query, current.headers, body))
            if faults:
                raise invalid_request(faults)
            return checked

        size = 0 if isinstance(raw, msgspec.UnsetType) else len(raw)
        is_long = size > LONG_BYTES or len(current.query_string) > LONG_QUERY_BYTES
        passed = await long_bodies.check(user_id, arguments) if is_long else arguments()
        return answer(await handler(**passed))

    return view
