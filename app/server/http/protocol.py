"""Hypercorn's HTTP/1.1 protocol, without what an outsider could abuse."""

import asyncio
from itertools import chain

import h11
import hypercorn.protocol
import uuid_utils.compat
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.events import Request, Response
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream
from hypercorn.typing import H11SendableEvent

from app.auth.request_state import found_state
from app.server.http.context import Context
from app.server.problems import HEADER_FIELDS_TOO_LARGE, MALFORMED_REQUEST
from quart_contract.problems import MEDIA_TYPE, Problem, ProblemCatalogue

BUFFERED_BYTES = 64 * 1024
"""How much a transport takes before a writer waits: the default of asyncio and of uvloop."""

_TOO_LARGE = Problem(HEADER_FIELDS_TOO_LARGE, "The header section is larger than the limit.")
_MALFORMED = Problem(MALFORMED_REQUEST, "The request is not valid HTTP/1.1.")
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


class Connection(h11.Connection):
    """Leaves alone what is sent behind the last request of a connection.

    h11 finds it malformed, and Hypercorn would answer 400 in place of a handler that is at work.
    """

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """The next event; `PAUSED`, which ends the reading, while the last answer is made."""
        if self.their_state is not h11.MUST_CLOSE:
            return super().next_event()
        answering = self.our_state in {h11.SEND_RESPONSE, h11.SEND_BODY}
        return h11.PAUSED if answering and self.trailing_data[0] else h11.NEED_DATA


class Stream(HTTPStream):
    """A request and its response, as Hypercorn has them."""

    @property
    def unfinished_read(self) -> asyncio.Task[None] | None:
        """The task of the request, if it changes nothing and its response has not begun."""
        if self.scope["method"] not in _SAFE_METHODS or self.state is not ASGIHTTPState.REQUEST:
            return None
        state = found_state(self.scope)
        return state.task if state else None

    @property
    def takes_interim_responses(self) -> bool:
        """Whether the client understands a 1xx before the response (RFC 9110, 15.2)."""
        return self.scope["http_version"] == "1.1"


class Protocol(H11Protocol):
    """HTTP/1.1 alone, whose own errors are problem documents."""

    catalogue: ProblemCatalogue
    context: Context

    # What was under way when the client closed its side.
    abandoned: Stream | None = None
    _is_closed = False

    async def handle(self, event: Event) -> None:
        """Take what comes over the connection, but no request that could not be answered."""
        if isinstance(event, Closed):
            self._is_closed = True
            if isinstance(self.stream, Stream):
                self.abandoned = self.stream
        elif self._is_closed:
            return
        await super().handle(event)

    async def initiate(self) -> None:
        """Begin with a connection."""
        limit = self.config.h11_max_incomplete_size
        self.connection = Connection(h11.SERVER, max_incomplete_event_size=limit)
        self._unsent = bytearray()

    async def _check_protocol(self, event: h11.Request) -> None:
        """Never switch to HTTP/2 without TLS: a flood of its resets costs us seconds."""

    async def _create_stream(self, request: h11.Request) -> None:
        self.stream = Stream(
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        # Methods are case-sensitive, but Quart would take `get` for GET.
        method = request.method if request.method.isupper() else b"~" + request.method
        await self.stream.handle(
            Request(
                stream_id=STREAM_ID,
                # Without Upgrade there is no WebSocket, and HTTP allows to ignore the header.
                headers=[header for header in request.headers if header[0] != b"upgrade"],
                http_version=request.http_version.decode(),
                method=method.decode(),
                raw_path=request.target,
                state=self.connection_state,
            )
        )
        self.keep_alive_requests += 1

    async def stream_send(self, event: StreamEvent) -> None:
        """Send what the app answers."""
        # What is left of a body would be taken for the next request.
        is_last = self.context.is_draining or self.connection.their_state is h11.SEND_BODY
        if isinstance(event, Response) and is_last:
            event = Response(
                stream_id=event.stream_id,
                headers=[*event.headers, (b"connection", b"close")],
                status_code=event.status_code,
            )
        await super().stream_send(event)

    async def _send_h11_event(self, event: H11SendableEvent) -> None:
        # Head, body and end go out together: a write costs as much as all that it says.
        data = b""
        try:
            data = self.connection.send(event) or b""
        except h11.LocalProtocolError:
            if self.connection.their_state != h11.ERROR:
                raise
        if len(data) > BUFFERED_BYTES:
            # A copy of it would last for as long as the client takes to read it.
            await self._send_unsent()
            await self.send(RawData(data))
            return
        self._unsent += data
        if not isinstance(event, h11.Response | h11.Data):
            await self._send_unsent()

    async def _send_unsent(self) -> None:
        if self._unsent:
            data, self._unsent = bytes(self._unsent), bytearray()
            await self.send(RawData(data))

    async def _send_error_response(self, status_code: int) -> None:
        # Its hints are 400, 431, and 501 for a transfer coding; the sender is at fault in each.
        # A chunk can be too large for the parser, too; then the header section is done with.
        in_head = self.connection.our_state is h11.IDLE
        too_large = in_head and status_code == self.catalogue.status(_TOO_LARGE)
        problem = _TOO_LARGE if too_large else _MALFORMED
        request_id = str(uuid_utils.compat.uuid7())
        body = self.catalogue.render(problem, path="/", request_id=request_id)
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
            (b"x-request-id", request_id.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"cache-control", b"private, no-cache"),
        ]
        await self._send_h11_event(
            h11.Response(
                status_code=self.catalogue.status(problem),
                headers=list(chain(headers, self.config.response_headers("h11"))),
            )
        )
        await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())


def install(catalogue: ProblemCatalogue) -> None:
    """Make Hypercorn use `Protocol`: it has no setting for that, so its name is replaced."""
    Protocol.catalogue = catalogue
    setattr(hypercorn.protocol, H11Protocol.__name__, Protocol)
