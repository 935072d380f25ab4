"""Story: another user sends a hundred long bodies at once, and my requests are not delayed."""

import asyncio
import time
from itertools import pairwise

import pytest

from app.auth.errors import TooManyInFlightError
from app.auth.long_bodies import RESTS, LongBodies

WORK_SECONDS = 0.005


async def test_the_checks_of_a_user_have_rests_between_them() -> None:
    bodies, spans = LongBodies(), list[tuple[float, float]]()

    def work() -> None:
        began = time.perf_counter()
        while time.perf_counter() - began < WORK_SECONDS:
            pass
        spans.append((began, time.perf_counter()))

    await asyncio.gather(*(bodies.check("ada", work) for _ in range(20)))
    assert len(spans) == 20
    for (began, ended), (next_began, _) in pairwise(spans):
        # The clock of the event loop is coarser than `perf_counter`.
        assert next_began - ended >= (RESTS - 1) * (ended - began)


async def test_another_user_waits_for_none_of_them() -> None:
    bodies, order = LongBodies(), list[str]()
    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(bodies.check("ada", lambda: order.append("ada")))
        group.create_task(bodies.check("eve", lambda: order.append("eve")))
    assert order.index("eve") == 1


async def test_a_check_that_fails_gives_its_turn_on() -> None:
    bodies = LongBodies()

    def fail() -> None:
        raise ValueError

    results = await asyncio.gather(
        *(bodies.check("ada", fail) for _ in range(3)), return_exceptions=True
    )
    assert [type(each) for each in results] == [ValueError] * 3
    assert await bodies.check("ada", lambda: "done") == "done"


async def test_a_check_that_waits_for_too_long_is_rejected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.auth.long_bodies.WAIT_SECONDS", 0.02)
    bodies = LongBodies()
    first = bodies.check("ada", lambda: time.sleep(0.03))
    second = bodies.check("ada", lambda: "done")
    results = await asyncio.gather(first, second, return_exceptions=True)
    assert results[0] is None
    assert isinstance(results[1], TooManyInFlightError)
