"""Handle one request in the task that the server made for it.

This overrides Quart, which starts two more tasks for each request. One receives the body, even if
there is none. The other one runs the handler, and is cancelled when the client disconnects. Here
the body is received when the handler reads it, and a change that has begun is completed.
"""

import asyncio
from contextlib import suppress
from functools import cached_property
from inspect import isawaitable
from typing import Any

from hypercorn.typing import (
    ASGIReceiveCallable,
    ASGISendCallable,
    HTTPResponseBodyEvent,
    HTTPResponseStartEvent,
)
from quart import Request
from quart.asgi import ASGIHTTPConnection
from quart.typing import ResponseTypes
from quart.utils import encode_headers
from quart.wrappers.response import DataBody
from werkzeug.datastructures import Headers
from werkzeug.exceptions import (
    ClientDisconnected,
    HTTPException,
    RequestEntityTooLarge,
    RequestTimeout,
)

from quart_contract.requests import announces_body

SKIP_SECONDS = 1
"""How long a response waits for the rest of a body that the handler did not read."""


class _NoBody:
    """Replaces Quart's body, which has two events, because the request reads its body itself."""

    __slots__ = ()

    def __init__(self, *_: object) -> None:
        pass


class StreamedRequest(Request):
    """A request whose body is received when it is read.

    This overrides Quart's request, whose body is filled by another task.
    """

    body_class = _NoBody  # type: ignore[assignment]  # it is not used
    receive: ASGIReceiveCallable
    _is_read = False
    """True once the body was received completely, or the client disconnected."""

    @cached_property
    def has_body(self) -> bool:
        """True if the headers announce a body, which can be an empty one in chunks."""
        return announces_body(self.scope)

    @property
    def content_length(self) -> int | None:
        """The value of `Content-Length`, or None without a body."""
        return super().content_length if self.has_body else None

    async def get_data(  # type: ignore[override]  # Quart has an overload that returns str
        self,
        cache: bool = True,  # noqa: ARG002 - the body is read only once
        as_text: bool = False,  # noqa: ARG002 - it is always read as bytes
        parse_form_data: bool = False,  # noqa: ARG002 - there are no forms
    ) -> bytes:
        """Receive and return the body.

        Raises `HTTPException` if the body is too large, takes longer than `body_timeout` seconds,
        or if the client disconnects before its end.
        """
        if not self.has_body:
            return b""
        limit = self.max_content_length
        if limit is not None and (self.content_length or 0) > limit:
            raise RequestEntityTooLarge
        try:
            async with asyncio.timeout(self.body_timeout):
                return await self._receive_body(limit)
        except TimeoutError:
            raise RequestTimeout from None

    async def _receive_body(self, limit: int | None) -> bytes:
        body, more = bytearray(), True
        while more:
            event: Any = await self.receive()
            if event["type"] == "http.disconnect":
                self._is_read = True  # the rest will never arrive
                raise ClientDisconnected
            body += event.get("body", b"")
            if limit is not None and len(body) > limit:
                raise RequestEntityTooLarge
            more = event.get("more_body", False)
        self._is_read = True
        return bytes(body)

    @property
    def is_unread(self) -> bool:
        """True if a part of the body was not received yet."""
        return self.has_body and not self._is_read

    async def skip_body(self) -> None:
        """Receive the unread rest of the body, so that the connection can be used again.

        Give up after `SKIP_SECONDS`, or if the body is too large.
        """
        if self.is_unread:
            with suppress(TimeoutError, HTTPException):
                async with asyncio.timeout(SKIP_SECONDS):
                    await self.get_data()


class HTTPConnection(ASGIHTTPConnection):
    """A request and its response. Overrides how Quart runs a handler: see the module."""

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Handle the request. Raises the errors that the app does not render."""
        request = self._request(receive)
        response = await self.app.handle_request(request)
        await request.skip_body()
        if not request.is_unread:
            await self._send_response(send, response)
            return
        # The connection closes after this response. Receive until then, so that the server takes
        # everything that it has already read.
        async with asyncio.TaskGroup() as group:
            group.create_task(_drop(receive))
            await self._send_response(send, response)

    def _request(self, receive: ASGIReceiveCallable) -> StreamedRequest:
        scope = self.scope
        headers = [
            (name.decode("latin1"), value.decode("latin1")) for name, value in scope["headers"]
        ]
        request = StreamedRequest(
            scope["method"],
            scope["scheme"],
            scope["path"],
            scope["query_string"],
            Headers(headers),
            scope["root_path"],
            scope["http_version"],
            scope,
            max_content_length=self.app.config["MAX_CONTENT_LENGTH"],
            body_timeout=self.app.config["BODY_TIMEOUT"],
            send_push_promise=_push_nothing,
        )
        request.receive = receive
        return request

    async def _send_response(self, send: ASGISendCallable, response: ResponseTypes) -> None:
        start: HTTPResponseStartEvent = {
            "type": "http.response.start",
            "status": response.status_code,
            "headers": encode_headers(response.headers),
        }
        end: HTTPResponseBodyEvent = {
            "type": "http.response.body",
            "body": await _body_of(response),
            "more_body": False,
        }
        await send(start)
        await send(end)


async def _body_of(response: ResponseTypes) -> bytes:
    if isinstance(response.response, DataBody):
        return response.response.data
    data: Any = response.get_data()
    return bytes(await data if isawaitable(data) else data)


async def _drop(receive: ASGIReceiveCallable) -> None:
    """Receive and discard the rest of a body, until the connection closes."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _push_nothing(_: str, __: Headers) -> None:
    """Do nothing: HTTP/1.1 has no server push."""
