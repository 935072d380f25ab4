"""The Quart application, without what an API has no use for."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from quart import Quart, Request
from quart.ctx import RequestContext
from quart.globals import _cv_app, _cv_request
from quart.sessions import NullSession
from quart.typing import ResponseReturnValue, ResponseTypes
from quart.wrappers.base import BaseRequestWebsocket
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from app.auth.in_flight import InFlight
from app.auth.request_state import state_of
from app.database.database import Database
from app.server.http.exchange import Exchange
from quart_contract.operations import Operation


@dataclass(frozen=True)
class Services:
    """What an app shares with what runs beside its requests."""

    database: Database
    in_flight: InFlight
    erasure_requested: asyncio.Event
    """Set when rows of an erased user are left to delete."""


class Application(Quart):
    """Routes do not depend on the host, nobody has a session, and a request is one task."""

    asgi_http_class = Exchange
    services: Services
    behind_proxies = False
    """True where the addresses of connections are those of proxies."""
    routes: Mapping[str, Operation] = MappingProxyType({})
    """The operation that is served at each endpoint of a blueprint."""

    async def handle_request(self, request: Request) -> ResponseTypes:
        """Answer a request.

        Its context is set in the task that the server has made for it, and ends with that. So it
        is not taken down again, and nothing is told of it: no signal, no teardown function.
        """
        context = RequestContext(self, request, NullSession())
        _cv_app.set(self.app_context())
        _cv_request.set(context)
        context.match_request()
        try:
            response = await self._respond(context)
            return await self.process_response(response, context)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is answered and logged
            return await self.handle_exception(error)

    async def _respond(self, context: RequestContext) -> ResponseTypes:
        state, rule = state_of(context.request.scope), context.request.url_rule
        operation = self.routes.get(rule.endpoint) if rule else None
        if operation is not None:
            state.operation, state.route = operation.id, operation.path
        else:
            state.route = rule.rule if rule else None
        result: ResponseReturnValue | HTTPException
        try:
            if state.refusal is None:
                result = await self.dispatch_request(context)
            else:
                result = await self.handle_user_exception(state.refusal)
        except Exception as error:  # noqa: BLE001 - what no handler is registered for is raised again
            result = await self.handle_user_exception(error)
        return await self.make_response(result)

    def create_url_adapter(self, request: BaseRequestWebsocket | None) -> MapAdapter | None:
        """What matches a request to its route."""
        if request is None:
            return None
        return MapAdapter(
            self.url_map,
            server_name="",
            script_name="/",
            subdomain="",
            url_scheme=request.scheme,
            path_info=request.path,
            default_method=request.method,
            query_args=request.query_string.decode(),
        )
