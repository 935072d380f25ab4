"""The Quart application, without the features that an API does not need."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import structlog
from quart import Quart, Request
from quart.ctx import RequestContext
from quart.globals import _cv_app, _cv_request
from quart.sessions import NullSession
from quart.typing import ResponseReturnValue, ResponseTypes
from quart.wrappers.base import BaseRequestWebsocket
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from quart_contract.operations import Operation

from ...auth.in_flight import InFlight
from ...auth.request_state import STATE, RequestState
from ...database.database import Database
from ...live.signals import Signals
from ...live.waiters import Waiters
from ..background import HousekeepingRecorder
from ..observability.readiness import ReadinessCheck
from .asgi import HTTPConnection

logger = structlog.get_logger("app.request")


@dataclass(frozen=True)
class Services:
    """What the requests of an app share with its background tasks."""

    database: Database
    in_flight: InFlight
    waiters: Waiters
    signals: Signals
    readiness: ReadinessCheck
    erasure_requested: asyncio.Event
    """Set when an erased user still has rows, which a background task then deletes."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process is about to stop. It is then not ready for more clients."""


_NO_SESSION = NullSession()
"""The session of every request: the API has none. It rejects writes."""


class Application(Quart):
    """Overrides how Quart handles a request: one task, no session, no host matching.

    Quart sends signals and runs teardown functions for each request. Taskward has none of them,
    and they take time.
    """

    asgi_http_class = HTTPConnection
    services: Services
    behind_proxies = False
    """True if clients connect through proxies, whose addresses the connections then have."""
    routes: Mapping[str, Operation] = MappingProxyType({})
    """The operation of each endpoint."""
    record_housekeeping: HousekeepingRecorder | None = None
    """None if metrics are disabled."""

    async def handle_request(self, request: Request) -> ResponseTypes:
        """Return the response to a request.

        This overrides `Quart.handle_request`. The context is set in the task that the server made
        for the request, and ends with that task. So it is not popped, no signal is sent and no
        teardown function runs.
        """
        context = RequestContext(self, request, _NO_SESSION)
        _cv_app.set(self.app_context())
        _cv_request.set(context)
        context.match_request()
        try:
            response = await self._respond(context)
            return await self.process_response(response, context)
        except Exception as error:  # noqa: BLE001 - every error is rendered and logged
            return await self.handle_exception(error)

    async def _respond(self, context: RequestContext) -> ResponseTypes:
        state: RequestState = context.request.scope["state"][STATE]
        rule = context.request.url_rule
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
        except Exception as error:  # noqa: BLE001 - an error without a handler is raised again
            result = await self.handle_user_exception(error)
        return await self.make_response(result)

    def log_exception(self, exception_info: object) -> None:
        """Log an error that has no response of its own.

        This overrides `Quart.log_exception`, whose line contains the path, which a client chooses.
        """
        logger.error("request failed", exc_info=exception_info)

    def create_url_adapter(self, request: BaseRequestWebsocket | None) -> MapAdapter | None:
        """Return the adapter that matches a request to its route.

        This overrides `Quart.create_url_adapter`, so that routes do not depend on the host.
        """
        if request is None:
            return None
        return MapAdapter(
            self.url_map,
            server_name="",
            script_name=request.root_path or "/",
            subdomain="",
            url_scheme=request.scheme,
            path_info=request.path,
            default_method=request.method,
            query_args=request.query_string.decode(),
        )
