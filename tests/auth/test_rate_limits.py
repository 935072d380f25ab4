"""Rate limits of one user, and of one client's address."""

import asyncio
import itertools
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import redis
from limits import parse
from pydantic import SecretStr

from app import create_app
from app.auth import rate_limits, redis_counters
from app.auth.errors import (
    InvalidTokenError,
    KeysUnavailableError,
    RateLimitedError,
    Reason,
)
from app.auth.rate_limits import MemoryCounters, RateLimiter
from app.settings import Settings
from tests.support.clients import async_client
from tests.support.live_server import LiveServer, live
from tests.support.redis_server import RedisServer, redis_server
from tests.support.tokens import token_for

Serve = Callable[..., AbstractContextManager[LiveServer]]
BAD = "bad.bad.bad"


@pytest.fixture
def serve(settings: Settings) -> Serve:
    """Return a function that serves with a limit: `serve("3/minute", **settings)`."""

    def start(limit: str | None, **changes: object) -> AbstractContextManager[LiveServer]:
        parsed = parse(limit) if limit else None
        return live(create_app(settings.model_copy(update={"rate_limit": parsed, **changes})))

    return start


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as server:
        yield server


def someone() -> str:
    return token_for(f"user-{uuid4()}")


async def ask(
    client: httpx.AsyncClient, token: str, path: str = "/api/me", **headers: str
) -> httpx.Response:
    return await client.get(path, headers={"Authorization": f"Bearer {token}", **headers})


async def statuses(server: LiveServer, tokens: list[str], **headers: str) -> Counter[int]:
    """Send one request with each token, all at once; return the count of each status."""
    async with async_client(server) as client:
        responses = await asyncio.gather(*(ask(client, each, **headers) for each in tokens))
    return Counter(each.status_code for each in responses)


async def test_every_answer_to_a_user_tells_what_is_left(
    serve: Serve,
) -> None:
    absent, user = "/api/tasks/019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d70", f"user-{uuid4()}"
    asked = [
        ("GET", "/api/me", 200),
        ("DELETE", f"/api/me?confirm={user}", 204),
        ("GET", absent, 404),
        ("GET", "/api/tasks?limit=0", 422),
        ("POST", "/api/tasks", 415),
        ("GET", "/api/tasks", 429),
    ]
    with serve("5/minute") as server:
        async with async_client(server, user) as client:
            for number, (method, path, status) in enumerate(asked, 1):
                response = await client.request(
                    method, path, content=b"x" if status == 415 else None
                )
                assert response.status_code == status
                assert response.headers["RateLimit-Policy"] == '"user";q=5;w=60'
                left = response.headers["RateLimit"].rpartition(";t=")
                assert left[0] == f'"user";r={max(5 - number, 0)}'
                assert 1 <= int(left[2]) <= 60
    assert 1 <= int(response.headers["Retry-After"]) <= 60


async def test_whoever_waits_as_told_is_served_again(serve: Serve) -> None:
    token = someone()
    with serve("2/2 seconds") as server:
        async with async_client(server) as client:
            responses = [await ask(client, token) for _ in range(3)]
            assert [each.status_code for each in responses] == [200, 200, 429]
            await asyncio.sleep(int(responses[2].headers["Retry-After"]))
            assert (await ask(client, token)).status_code == 200


async def test_the_limit_is_exact_under_concurrency_and_per_user(
    serve: Serve,
) -> None:
    with serve("20/minute") as server:
        assert await statuses(server, [someone()] * 60) == {200: 20, 429: 40}
        assert await statuses(server, [someone()] * 20) == {200: 20}


async def test_the_limit_can_be_switched_off(serve: Serve) -> None:
    with serve(None) as server:
        async with async_client(server) as client:
            response = await ask(client, someone())
            assert "RateLimit" not in response.headers
            assert (await ask(client, BAD)).status_code == 401


async def test_guesses_of_tokens_are_limited_under_concurrency(
    serve: Serve,
) -> None:
    known = someone()
    with serve("5/minute") as server:
        assert await statuses(server, [known]) == {200: 1}
        guesses = [f"{BAD}{number}" for number in range(50)]
        assert await statuses(server, guesses) == {401: 5, 429: 45}
        # A new valid token may be a lucky guess, so it is limited, too. A known token is not.
        assert await statuses(server, [someone()]) == {429: 1}
        assert await statuses(server, [known]) == {200: 1}
        async with async_client(server) as client:
            refused = await ask(client, BAD)
            assert refused.json()["code"] == "rate_limited"
            assert "RateLimit" not in refused.headers


async def test_tokens_that_hold_do_not_count_against_the_address(serve: Serve) -> None:
    with serve("5/minute") as server:
        for _ in range(5):
            assert await statuses(server, [someone() for _ in range(4)]) == {200: 4}


async def test_an_issuer_that_is_down_makes_nobody_a_guesser() -> None:
    limiter = RateLimiter(parse("2/minute"))

    async def attempt(error: Exception) -> None:
        async with limiter.attempt("192.0.2.1"):
            raise error

    for _ in range(5):
        with pytest.raises(KeysUnavailableError):
            await attempt(KeysUnavailableError())
    for _ in range(2):
        with pytest.raises(InvalidTokenError):
            await attempt(InvalidTokenError(Reason.SIGNATURE, "no"))
    with pytest.raises(RateLimitedError):
        await attempt(InvalidTokenError(Reason.SIGNATURE, "no"))


async def test_the_counters_of_a_process_are_bounded_and_forgotten() -> None:
    counters = MemoryCounters(size=100)
    for number in range(1000):
        await counters.incr(f"address {number}", expiry=60)
    assert len(counters) == 100
    brief = MemoryCounters()
    assert [await brief.incr("user", expiry=1) for _ in range(3)] == [1, 2, 3]
    await asyncio.sleep(1.1)
    assert await brief.incr("user", expiry=1) == 1


@pytest.mark.parametrize(("limited", "many"), [("user", "address"), ("address", "user")])
async def test_counters_of_one_kind_evict_none_of_the_other(
    monkeypatch: pytest.MonkeyPatch, limited: str, many: str
) -> None:
    most = 1_000
    monkeypatch.setattr(rate_limits, "MemoryCounters", partial(MemoryCounters, most))
    limiter = RateLimiter(parse("3/hour"))

    async def count(kind: str, name: str) -> int:
        if kind == "user":
            return (await limiter.take(name)).used
        with suppress(InvalidTokenError):
            async with limiter.attempt(name):
                raise InvalidTokenError(Reason.SIGNATURE, "no")
        return 0

    for _ in range(3):
        await count(limited, "ada")
    for number in range(most + 1):
        await count(many, f"{number}")
    if limited == "user":
        assert await count("user", "ada") == 4
    else:
        with pytest.raises(RateLimitedError):
            await count("address", "ada")


@pytest.mark.parametrize("step", [-86_400, 86_400])
async def test_a_step_of_the_wall_clock_changes_no_window(
    monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    limiter, now = RateLimiter(parse("1/minute")), time.time
    first = await limiter.take("ada")
    monkeypatch.setattr(time, "time", lambda: now() + step)
    second = await limiter.take("ada")
    assert (first.used, second.used) == (1, 2)
    assert 50 <= second.resets_in_seconds <= 60


@pytest.mark.parametrize("step", [-86_400, 86_400])
async def test_a_window_in_redis_ends_by_the_clock_of_redis(
    shared: RedisServer, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    limiter, now = RateLimiter(parse("1/minute"), shared.url), time.time
    await limiter.take("ada")
    # A process with a wrong clock; the worst case is a step each time that it is read.
    steps = itertools.count()
    monkeypatch.setattr(time, "time", lambda: now() + step * next(steps))
    told = await limiter.take("ada")
    monkeypatch.undo()
    await limiter.close()
    assert told.used == 2
    assert 50 <= told.resets_in_seconds <= 60


async def test_processes_that_share_a_redis_count_together(
    serve: Serve, shared: RedisServer
) -> None:
    token, storage = someone(), {"rate_limit_storage": SecretStr(shared.url)}
    with serve("20/minute", **storage) as one, serve("20/minute", **storage) as two:
        counts = await asyncio.gather(*(statuses(each, [token] * 30) for each in (one, two)))
        assert counts[0] + counts[1] == {200: 20, 429: 40}
        await statuses(one, [BAD] * 20)
        assert await statuses(two, [BAD]) == {429: 1}
    with redis.Redis(port=shared.port) as client:
        keys = list(client.scan_iter())
        assert len(keys) == 2
        assert all(0 < int(client.ttl(key)) <= 60 for key in keys)


async def test_without_its_redis_a_process_counts_alone_and_comes_back(
    serve: Serve, shared: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits, "REDIS_PAUSE_SECONDS", 0.2)
    token = someone()
    with serve("10/minute", rate_limit_storage=SecretStr(shared.url)) as server:
        assert await statuses(server, [token] * 4) == {200: 4}
        shared.stop()
        assert await statuses(server, [token] * 15) == {200: 10, 429: 5}
        shared.start()
        with redis.Redis(port=shared.port) as client:
            while not client.dbsize():
                await statuses(server, [someone()])
        assert await statuses(server, [token] * 11) == {200: 10, 429: 1}


async def test_a_redis_that_does_not_answer_holds_nobody_up_for_long(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_counters, "REDIS_SECONDS", 0.2)
    # The kernel accepts connections for it, but no process responds.
    silent = socket.create_server(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    storage = SecretStr(f"redis://127.0.0.1:{port}")
    with serve("10/minute", rate_limit_storage=storage) as server:
        began = time.monotonic()
        assert await statuses(server, [someone()]) == {200: 1}
        assert await statuses(server, [someone()]) == {200: 1}
        assert time.monotonic() - began < 5
    silent.close()
