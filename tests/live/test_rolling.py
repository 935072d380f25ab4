"""Story: workers are replaced while my devices wait, and they miss nothing."""

import asyncio

from tests.live.devices import write_and_read
from tests.support.taskward import Taskward, reload_workers


async def test_waiting_devices_miss_nothing_during_a_reload(
    taskward: Taskward, settings_of_two: dict[str, str], user: str
) -> None:
    server = await asyncio.to_thread(taskward.serve, "serve", **settings_of_two)

    async def roll() -> None:
        await asyncio.to_thread(reload_workers, server.pid)

    await write_and_read([taskward], user, roll)
    assert taskward.stop(server).err == ""
