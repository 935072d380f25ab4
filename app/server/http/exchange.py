"""Quart's handling of one request, in the task that the server has made for it.

Quart itself starts two more for each: one that receives the body, whether there is one or not,
and one for the handler, which it cancels when the client goes away. Here the body is received
when it is asked for, and what was begun is carried out.
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

from quart_contract.requests import has_body

SKIP_SECONDS = 1
"""How long the answer waits for the rest of a body that it does not depend on."""


class PulledRequest(Request):
    """A request whose body is read when it is asked for."""

    receive: ASGIReceiveCallable
    _is_read = False

    @cached_property
    def has_body(self) -> bool:
        """Whether a body comes with the request."""
        return has_body(self.scope)

    @property
    def content_length(self) -> int | None:
        """What the request says of the length of its body."""
        return super().content_length if self.has_body else None

    async def get_data(  # type: ignore[override]  # Quart's own has an overload for texts
        self,
        cache: bool = True,  # noqa: ARG002 - nobody asks twice
        as_text: bool = False,  # noqa: ARG002 - nor for a text
        parse_form_data: bool = False,  # noqa: ARG002 - nor for a form
    ) -> bytes:
        """Read the body. Raises `HTTPException` where it is too large, slow, or breaks off."""
        if not has_body(self.scope):  # HTTP/1.1 says so: there is nothing to wait for
            return b""
        limit = self.max_content_length
        if limit is not None and (self.content_length or 0) > limit:
            raise RequestEntityTooLarge
        try:
            async with asyncio.timeout(self.body_timeout):
                return await self._pull(limit)
        except TimeoutError:
            raise RequestTimeout from None

    async def _pull(self, limit: int | None) -> bytes:
        body, more = bytearray(), True
        while more:
            event: Any = await self.receive()
            if event["type"] == "http.disconnect":
                self._is_read = True  # nothing more will come
                raise ClientDisconnected
            body += event.get("body", b"")
            if limit is not None and len(body) > limit:
                raise RequestEntityTooLarge
            more = event.get("more_body", False)
        self._is_read = True
        return bytes(body)

    @property
    def is_unread(self) -> bool:
        """Whether there is more of a body than was read."""
        return self.has_body and not self._is_read

    async def skip_body(self) -> None:
        """Receive what nobody has read of a body: behind it the connection can be used again."""
        if self.is_unread:
            with suppress(TimeoutError, HTTPException):
                async with asyncio.timeout(SKIP_SECONDS):
                    await self.get_data()


class Exchange(ASGIHTTPConnection):
    """A request and its answer."""

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Handle the request. What the app cannot answer is raised."""
        request = self._request(receive)
        response = await self.app.handle_request(request)
        await request.skip_body()
        if not request.is_unread:
            await self._send_response(send, response)
            return
        # The connection is closed behind the answer, but only once all that was read is taken.
        async with asyncio.TaskGroup() as group:
            group.create_task(_drop(receive))
            await self._send_response(send, response)

    def _request(self, receive: ASGIReceiveCallable) -> PulledRequest:
        scope = self.scope
        headers = [
            (name.decode("latin1"), value.decode("latin1")) for name, value in scope["headers"]
        ]
        request = PulledRequest(
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
    """Receive what is left of a body, until the connection is closed."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _push_nothing(_: str, __: Headers) -> None:
    """HTTP/1.1 has no server push."""
