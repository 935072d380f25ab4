"""Another machine may serve each request of a client, and the client cannot tell."""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from uuid import uuid4

import httpx

from tests.conftest import REPORTED
from tests.live.devices import write_and_read
from tests.machines.conftest import LIMIT, Fleet
from tests.support.clients import async_client
from tests.support.folders import ROOT

SUITE = [
    "tests/auth/test_require_user.py",
    *(
        f"tests/tasks/test_{name}.py"
        for name in ("batch", "create_and_view", "delete", "me", "patch")
    ),
]
"""Tests of the API that use the fixture `server`, and check its responses against the contract."""


def client(fleet: Fleet, user: str, address: str = "127.0.0.1") -> httpx.AsyncClient:
    """Return a client of a user. The proxy sees it at this address."""
    limits = httpx.Limits(max_connections=16)
    transport = httpx.AsyncHTTPTransport(local_address=address, limits=limits)
    return async_client(fleet, user, transport=transport, timeout=httpx.Timeout(20, pool=None))


def test_the_tests_of_the_api_pass_whoever_answers(
    fleet: Fleet, record_property: Callable[[str, object], None]
) -> None:
    before = fleet.proxy.served()
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--no-header", *SUITE],
        cwd=ROOT,
        env=os.environ | {"TEST_BASE_URL": fleet.base_url, "TEST_DATABASE_URL": fleet.database_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout[-4000:]
    served = [now - then for now, then in zip(fleet.proxy.served(), before, strict=True)]
    assert min(served) > 0.9 * max(served)
    summary = finished.stdout.splitlines()[-1].strip("= ")
    record_property(
        REPORTED, f"Behind a proxy: {summary}; of the requests, the machines answered {served}"
    )


async def test_two_hundred_requests_with_one_key_create_one_task(fleet: Fleet, user: str) -> None:
    async with client(fleet, user) as asking:

        async def insist() -> bytes:
            for _ in range(100):
                response = await asking.post(
                    "/api/tasks", json={"title": "x"}, headers={"Idempotency-Key": "key"}
                )
                if response.status_code != 409:
                    break
            assert response.status_code == 201
            return response.content

        assert len(set(await asyncio.gather(*(insist() for _ in range(200))))) == 1
        assert (await asking.get("/api/me")).json()["task_count"] == 1


async def test_waiting_devices_get_each_change_once(fleet: Fleet, user: str) -> None:
    before = fleet.proxy.served()
    await write_and_read([fleet], user)
    served = [now - then for now, then in zip(fleet.proxy.served(), before, strict=True)]
    assert min(served) > 20


async def test_each_request_of_a_user_counts_once_on_any_machine(fleet: Fleet, user: str) -> None:
    before = fleet.proxy.served()
    async with client(fleet, user) as asking:
        responses = await asyncio.gather(*(asking.get("/api/me") for _ in range(200)))
    left = sorted(int(each.headers["RateLimit"].split("r=")[1].split(";")[0]) for each in responses)
    assert left == list(range(LIMIT - 200, LIMIT))
    served = [now - then for now, then in zip(fleet.proxy.served(), before, strict=True)]
    assert all(count >= 90 for count in served)


async def test_guesses_of_tokens_count_by_the_address_the_proxy_saw(fleet: Fleet) -> None:
    """They count neither by the proxy's address nor by one that the client invents."""

    async def guess(address: str, count: int) -> Counter[int]:
        async with client(fleet, "nobody", address) as guessing:

            async def once(number: int) -> int:
                headers = {
                    "Authorization": f"Bearer bad.bad.{uuid4()}",
                    "X-Forwarded-For": f"203.0.113.{number % 250}",
                }
                return (await guessing.get("/api/me", headers=headers)).status_code

            return Counter(await asyncio.gather(*(once(number) for number in range(count))))

    assert await guess("127.0.0.2", LIMIT + 50) == {401: LIMIT, 429: 50}
    assert await guess("127.0.0.3", 2) == {401: 2}
