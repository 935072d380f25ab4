"""Eight writers and waiting readers of one user, on any number of servers."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

from tests.support.clients import Served, async_client
from tests.tasks.sync_client import SyncClient, truth

WRITERS, READERS = 8, 4
LONG = 50
"""Seconds of a wait. A reader that misses a signal is not finished in `PATIENCE`."""
PATIENCE = 38


async def _nothing() -> None:
    pass


async def write_and_read(
    servers: Sequence[Served],
    user: str,
    disturb: Callable[[], Awaitable[None]] = _nothing,
    changes: int = 6,
) -> None:
    """Write on all servers and read on all of them; nothing is lost or read twice.

    Each writer makes so many changes. `disturb` runs when a third of them is made.
    """
    async with asyncio.timeout(PATIENCE), AsyncExitStack() as opened:
        clients = [
            await opened.enter_async_context(async_client(each, user, timeout=LONG + 10))
            for each in servers
        ]
        readers = [SyncClient(clients[number % len(clients)]) for number in range(READERS)]
        finished = asyncio.Event()
        reading = [asyncio.create_task(_read(each, finished)) for each in readers]
        made = 0

        async def write(number: int) -> None:
            nonlocal made
            chosen, client = random.Random(number), clients[number % len(clients)]  # noqa: S311
            tasks: list[str] = []
            for step in range(changes):
                await asyncio.sleep(chosen.uniform(0, 0.05))
                if tasks and chosen.random() < 0.5:
                    path = chosen.choice(tasks)
                    if chosen.random() < 0.3:
                        tasks.remove(path)
                        await client.delete(path)
                    else:
                        await client.patch(path, json={"title": f"{number} {step}"})
                else:
                    created = await client.post("/api/tasks", json={"title": f"{number} {step}"})
                    tasks.append(created.headers["Location"])
                made += 1
                if made == WRITERS * changes // 3:
                    await disturb()

        await asyncio.gather(*(write(number) for number in range(WRITERS)))
        finished.set()
        # The last change: each reader ends with it.
        last = (await clients[0].post("/api/tasks", json={"title": "last"})).json()["revision"]
        await asyncio.gather(*reading)
        tasks = await truth(clients[-1])
        for each in readers:
            assert each.told[-1] == last
            assert each.told == sorted(set(each.told))
            assert each.tasks == tasks


async def _read(reader: SyncClient, finished: asyncio.Event) -> None:
    while not (finished.is_set() and "last" in {each["title"] for each in reader.tasks.values()}):
        await reader.read_page(wait=LONG)
