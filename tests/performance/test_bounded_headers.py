"""No header and no query blocks the event loop for long. A search finds the worst of each.

The yardstick is the same as for bodies: see `test_bounded_work`.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from random import Random

import pytest
from hypercorn.typing import HTTPScope
from quart import Request
from werkzeug.datastructures import Headers
from werkzeug.http import parse_accept_header

from app.auth.bearer import bearer_token
from app.auth.errors import InvalidTokenError, MissingTokenError
from app.server.middleware.client_address import client_address
from app.server.middleware.request_guard import MAX_HEADER_BYTES, MAX_TARGET_BYTES
from app.tasks.etags import expected_revisions, is_current
from app.tasks.idempotency import key_of
from quart_contract.accepts import accepts_json
from quart_contract.document import Document
from quart_contract.operations import JSON
from quart_contract.problems import Problem
from quart_contract.requests import media_type_fault, read_query
from tests.performance.search import least, worst
from tests.performance.test_bounded_work import MOST, SEED, Yardstick, yardstick_of

STEPS = 60
MOST_OF_A_HEADER = MOST / 4
TOKENS = [
    *(",", ";", "=", '"', "\\", " ", "\t", "/", "*", "&", "%61", "%", "+", "[", ".", ":", "-"),
    *("a", "1", "W/", '"1"', '""', "*/*", JSON, "application/*", "q=0", "q=1", "x=y", "x*0=y"),
    *("limit=1", "charset=utf-8", "Bearer", "1.2.3.4"),
]

Fragment = tuple[str, ...]


def scope_with(*headers: tuple[bytes, bytes]) -> HTTPScope:
    scope: dict[str, object] = {"client": ("127.0.0.1", 1), "headers": headers}
    return scope  # type: ignore[return-value]  # all that is read of it


async def push_nothing(_: str, __: Headers) -> None:
    """Do nothing: HTTP/1.1 has no server push."""


def request_with(headers: Mapping[str, str], query: str = "") -> Request:
    sent = Headers(list(headers.items()))
    return Request(
        "GET",
        "http",
        "/",
        query.encode(),
        sent,
        "",
        "1.1",
        scope_with(),
        send_push_promise=push_nothing,
    )


def read_type(text: str) -> object:
    return media_type_fault(request_with({"Content-Type": text}), [JSON])


def read_parameters(text: str) -> object:
    return read_query(request_with({}, text[:MAX_TARGET_BYTES]))


def read_forwarded(text: str) -> object:
    return client_address(scope_with((b"x-forwarded-for", text.encode())), 1)


READERS: dict[str, Callable[[str], object]] = {
    "Accept": lambda text: accepts_json([text]),
    "Authorization": lambda text: bearer_token([text]),
    "Content-Type": read_type,
    "Idempotency-Key": lambda text: key_of(text[:512]),  # the contract's pattern allows as much
    "If-Match": expected_revisions,
    "If-None-Match": lambda text: is_current('"1"', text),
    "X-Forwarded-For": read_forwarded,
    "query": read_parameters,
}


def mutated(parent: Fragment, other: Fragment, random: Random) -> Fragment:
    cut = random.randint(0, len(parent))
    return (*parent[:cut], random.choice(TOKENS), *random.choice([parent, other])[cut:])[:6]


def worst_text(reader: Callable[[str], object], enough: float) -> tuple[float, Fragment]:
    """Search for the text that is most expensive when repeated. Return its cost and what it is."""

    def run(fragment: Fragment) -> None:
        text = "".join(fragment)
        with suppress(Problem, InvalidTokenError, MissingTokenError):
            reader(text * (MAX_HEADER_BYTES // len(text)))

    return worst(
        [(token,) for token in TOKENS],
        mutated,
        lambda fragment: least(lambda: run(fragment), 2),
        Random(SEED),  # noqa: S311 - it must be repeatable
        steps=STEPS,
        enough=enough,
    )


@pytest.fixture(scope="module")
def yardstick(contract: Document, untraced: None) -> Yardstick:  # noqa: ARG001 - it must come first
    return yardstick_of(contract)


@pytest.mark.parametrize("name", READERS)
def test_the_worst_header_costs_little_more_than_a_valid_body(
    yardstick: Yardstick, name: str
) -> None:
    most = MOST_OF_A_HEADER * yardstick.cost
    cost, fragment = worst_text(READERS[name], most)
    words = f"seed {SEED}, {name}: {cost / yardstick.cost:.1f} valid batches, {fragment} repeated"
    assert cost <= most, words


def test_the_search_finds_the_cost_of_every_media_range(yardstick: Yardstick) -> None:
    most = MOST_OF_A_HEADER * yardstick.cost
    cost, _ = worst_text(parse_accept_header, most)
    ours, _ = worst_text(READERS["Accept"], most)
    assert cost > ours
