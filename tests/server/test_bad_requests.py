"""Each bad request of the corpus is rejected as expected, over the wire."""

import asyncio
import json
import re

import h11
import pytest

from tests.server.bad_requests import CORPUS, BadRequest
from tests.server.bad_requests.request import TOKEN, get
from tests.support.conformance import judge
from tests.support.http1 import connect
from tests.support.live_server import LiveServer
from tests.support.tokens import token_for
from tests.support.waiting import PATIENCE_SECONDS

ParsedResponse = tuple[h11.Response, bytes]

NAMES = [each.name for each in CORPUS]
LIBRARIES = re.compile(
    r"traceback|jsonschema|asyncpg|sqlalchemy|werkzeug|quart|h11|jwt|msgspec|python",
    re.IGNORECASE,
)
TOKENS = re.compile(rb"eyJ[\w.-]+")
DUE = {401: "www-authenticate", 405: "allow"}
"""Return the header that HTTP requires for a status."""


@pytest.mark.parametrize("bad", CORPUS, ids=NAMES)
async def test_a_bad_request_is_refused(
    bad: BadRequest,
    server: LiveServer,
    user: str,
) -> None:
    token = token_for(user).encode()
    raw = bad.raw.replace(TOKEN, token)
    *served, (response, body) = await send(server, raw, bad.closes)
    assert [each.status_code for each, _ in served] == [200] * bad.served
    headers = {name.decode(): value.decode() for name, value in response.headers}
    assert (response.status_code, headers["content-type"]) == (
        bad.status,
        "application/problem+json",
    ), body
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (bad.status, bad.code), problem
    judge().check_problem(headers, problem)
    assert DUE.get(bad.status, "x-request-id") in headers
    assert not any(secret in body for secret in TOKENS.findall(raw))
    assert not LIBRARIES.search(body.decode())
    # Nothing of it was stored, and the server still works.
    ((_, tasks),) = await send(server, get(b"/api/tasks").replace(TOKEN, token), closes=False)
    assert json.loads(tasks)["items"] == []


async def send(server: LiveServer, raw: bytes, closes: bool | None) -> list[ParsedResponse]:
    """Send bytes. Return the responses, up to the end of the connection if it `closes`."""
    reader, writer = await connect(server)
    parser = ResponseParser()
    closed = False
    try:
        writer.write(raw)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not closed and (closes or not parser.done):
                data = await reader.read(65536)
                parser.feed(data)
                closed = not data
    except ConnectionResetError:
        # The server does not read the rest of a rejected request, so its end can be a reset.
        closed = True
    finally:
        writer.close()
    assert parser.responses, "there was no answer"
    assert closes is None or closed == closes
    return parser.responses


class ResponseParser:
    """Parse all responses on a connection."""

    def __init__(self) -> None:
        self.responses: list[ParsedResponse] = []
        self._buffer = b""

    @property
    def done(self) -> bool:
        """Return whether there is a response, and no further data."""
        return bool(self.responses) and not self._buffer

    def feed(self, data: bytes) -> None:
        self._buffer += data
        while self._buffer and (parsed := self._parse()) is not None:
            self.responses.append(parsed)

    def _parse(self) -> ParsedResponse | None:
        connection = h11.Connection(h11.CLIENT)
        connection.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
        connection.send(h11.EndOfMessage())
        connection.receive_data(self._buffer)
        response, body = None, b""
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                assert response is not None
                self._buffer = bytes(connection.trailing_data[0])
                return response, body
            else:
                return None


async def test_all_bad_tokens_get_one_and_the_same_answer(server: LiveServer) -> None:
    told = set()
    for bad in CORPUS:
        if bad.code == "invalid_token":
            response, body = (await send(server, bad.raw, closes=False))[-1]
            problem = json.loads(body)
            del problem["request_id"]
            headers = {
                (name, value)
                for name, value in response.headers
                if name not in (b"x-request-id", b"date")
            }
            told.add((json.dumps(problem), frozenset(headers)))
    assert len(told) == 1
