"""What the second wall costs: measured and reported, for a time is no test."""

import time
from collections.abc import Callable
from statistics import median

import httpx
import pytest

from app.database import wall
from tests.conftest import REPORTED

ROUNDS = 10
REQUESTS = 50


async def test_the_second_wall_adds_little_to_a_list(
    client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    for _ in range(50):
        await client.post("/api/tasks", json={"title": "x", "description": "y" * 100})
    # No answer is judged while the clock runs.
    async with httpx.AsyncClient(base_url=client.base_url, headers=client.headers) as timed:
        medians: dict[str, list[float]] = {"with": [], "without": []}
        for _ in range(ROUNDS):
            medians["with"].append(await _milliseconds(timed))
            with monkeypatch.context() as patch:
                patch.setattr(wall, "prelude", lambda _, **__: "BEGIN")
                medians["without"].append(await _milliseconds(timed))
    walled, bare = median(medians["with"]), median(medians["without"])
    record_property(
        REPORTED,
        f"A list of 50 tasks: {walled:.2f} ms with the second wall, {bare:.2f} ms without it, "
        f"{walled / bare - 1:+.1%} (medians of {ROUNDS} interleaved rounds)",
    )


async def _milliseconds(client: httpx.AsyncClient) -> float:
    times = []
    for _ in range(REQUESTS):
        before = time.perf_counter()
        answer = await client.get("/api/tasks")
        times.append(time.perf_counter() - before)
        assert len(answer.json()["items"]) == 50
    return median(times) * 1000
