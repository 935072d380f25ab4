"""Hypercorn's HTTP/1.1 protocol, without the features that a client could abuse."""

import asyncio
import re
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

from quart_contract.problems import MEDIA_TYPE, Problem, ProblemCatalogue

from ...auth.request_state import IS_UNATTENDED, STATE, RequestState
from ..problems import HEADER_FIELDS_TOO_LARGE, MALFORMED_REQUEST
from .context import DrainingWorkerContext
from .lean import LeanTaskGroup

BUFFERED_BYTES = 64 * 1024
"""The bytes that a transport buffers before a writer waits. The default of asyncio and uvloop."""

_TOO_LARGE = Problem(HEADER_FIELDS_TOO_LARGE, "The header section is larger than the limit.")
_MALFORMED = Problem(MALFORMED_REQUEST, "The request is not valid HTTP/1.1.")
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_WITHOUT_BODY = {b"GET", b"HEAD"}
_RECEIVED = {h11.DONE, h11.MUST_CLOSE}
"""The states of a client whose request was received to its end."""


_EMPTY_LINES = re.compile(rb"(?:\r?\n){1,4}")


class H11Connection(h11.Connection):
    """Ignores empty lines before a request, and bytes behind the last one of a connection.

    This overrides h11, which reports both as malformed. Some clients send an empty line after a
    body (RFC 9112, section 2.2). For bytes behind the last request, Hypercorn would send a 400
    instead of the response of the handler that is still running.
    """

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Return the next event.

        While the last response is made and bytes were received behind its request, that is
        `PAUSED`: Hypercorn then stops reading.
        """
        if self.their_state is h11.IDLE and self._receive_buffer:
            received = bytes(self._receive_buffer)
            if received == b"\r":  # the first half of an empty line
                return h11.NEED_DATA
            if empty := _EMPTY_LINES.match(received):
                self._receive_buffer.maybe_extract_at_most(empty.end())
        if self.their_state is not h11.MUST_CLOSE:
            return super().next_event()
        answering = self.our_state in {h11.SEND_RESPONSE, h11.SEND_BODY}
        return h11.PAUSED if answering and self.trailing_data[0] else h11.NEED_DATA


class Stream(HTTPStream):
    """Hypercorn's stream, which is one request and its response.

    Extended by what is needed to cancel a read whose client has disconnected.
    """

    @property
    def unfinished_read(self) -> asyncio.Task[None] | None:
        """The task of the request, if the method is safe and the response has not begun."""
        if self.scope["method"] not in _SAFE_METHODS or self.state is not ASGIHTTPState.REQUEST:
            return None
        state: RequestState | None = self.scope["state"].get(STATE)
        return state.task if state else None

    def end_wait(self) -> None:
        """Stop waiting for a change, if the request does or will: its client may have left."""
        self.scope["state"][IS_UNATTENDED] = True
        state: RequestState | None = self.scope["state"].get(STATE)
        if state is not None and state.end_wait is not None:
            state.end_wait()

    @property
    def takes_interim_responses(self) -> bool:
        """True if the client accepts a 1xx before the response (RFC 9110, section 15.2)."""
        return self.scope["http_version"] == "1.1"


class Protocol(H11Protocol):
    """HTTP/1.1 only, with problem documents for the protocol's own errors.

    This replaces `H11Protocol`, which can switch to HTTP/2, writes the parts of a response one by
    one, and sends plain error responses.
    """

    catalogue: ProblemCatalogue
    context: DrainingWorkerContext

    abandoned: Stream | None = None
    """The request that was running when the client closed its side of the connection."""
    _is_closed = False
    """True once the client has closed its side of the connection."""

    async def handle(self, event: Event) -> None:
        """Handle an event of the connection. Ignore everything after its end.

        A request that arrives while the connection closes could get no response, so it must not
        run.
        """
        if isinstance(event, Closed):
            self._is_closed = True
            if isinstance(self.stream, Stream):
                self.abandoned = self.stream
                self.stream.end_wait()
        elif self._is_closed:
            return
        elif isinstance(self.stream, Stream) and self.connection.their_state in _RECEIVED:
            self.stream.end_wait()  # see _create_stream
        await super().handle(event)

    async def initiate(self) -> None:
        """Set up the protocol for a new connection."""
        limit = self.config.h11_max_incomplete_size
        self.connection = H11Connection(h11.SERVER, max_incomplete_event_size=limit)
        self._unsent = bytearray()
        """Parts of a response that have not been written yet."""

    async def _check_protocol(self, event: h11.Request) -> None:
        """Do nothing: never switch to HTTP/2 without TLS.

        Hypercorn would switch on a client's request. A flood of HTTP/2 resets then costs seconds
        of CPU time (pgjones/hypercorn#146).
        """

    async def _create_stream(self, request: h11.Request) -> None:
        self.stream = stream = Stream(
            self.app,
            self.config,
            self.context,
            LeanTaskGroup(self.task_group),
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        # Methods are case-sensitive, but Quart treats `get` as GET. The prefix makes it unknown.
        method = request.method if request.method.isupper() else b"~" + request.method
        await stream.handle(
            Request(
                stream_id=STREAM_ID,
                # HTTP allows a server to ignore Upgrade. Without it, Hypercorn opens no WebSocket.
                headers=[header for header in request.headers if header[0] != b"upgrade"],
                http_version=request.http_version.decode(),
                method=method.decode(),
                raw_path=request.target,
                state=self.connection_state,
            )
        )
        if request.method in _WITHOUT_BODY and self.connection.trailing_data[0]:
            # Until the response is sent, nothing behind the request is read: neither the next
            # request nor that the client has disconnected.
            stream.end_wait()
        self.keep_alive_requests += 1

    async def stream_send(self, event: StreamEvent) -> None:
        """Send an event of the app. Close the connection after the response if necessary.

        It closes while the server drains, and if the body of the request was not read to its end.
        """
        # The unread rest of a body would be parsed as the next request.
        is_last = self.context.is_draining or self.connection.their_state is h11.SEND_BODY
        if isinstance(event, Response) and is_last:
            event = Response(
                stream_id=event.stream_id,
                headers=[*event.headers, (b"connection", b"close")],
                status_code=event.status_code,
            )
        await super().stream_send(event)

    async def _send_h11_event(self, event: H11SendableEvent) -> None:
        # Write head, body and end at once: a write takes as long as making a short response.
        data = b""
        try:
            data = self.connection.send(event) or b""
        except h11.LocalProtocolError:
            if self.connection.their_state != h11.ERROR:
                raise
        if len(data) > BUFFERED_BYTES:
            # Do not copy it: the copy would stay in memory until the client has read it.
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
        # h11 hints at 400, 431, or 501 for a transfer coding. All are errors of the client. It
        # also reports 431 for a chunk that is too large, after the header section.
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
    """Make Hypercorn use `Protocol` instead of `H11Protocol`.

    Hypercorn has no setting for the class, so this replaces its name in `hypercorn.protocol`.
    """
    Protocol.catalogue = catalogue
    setattr(hypercorn.protocol, H11Protocol.__name__, Protocol)
