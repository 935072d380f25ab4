"""Two devices work offline and lose connections at random. At the end they equal the server."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import REPORTED
from tests.support.clients import get
from tests.support.live_server import LiveServer
from tests.support.relay import Relay, relay
from tests.support.tokens import token_for
from tests.sync.device import Device
from tests.sync.line import FAULTS, CutError, Line

pytestmark = pytest.mark.usefixtures("only_warnings")

GROUPS, SCHEDULES = 10, 25
ACTIONS = 24
UPDATES: tuple[dict[str, Any], ...] = (
    {"completed": True},
    {"completed": False},
    {"due_at": "2030-01-02T03:04:05Z"},
    {"due_at": None},
)


class Schedule:
    """One random sequence of events."""

    def __init__(self, seed: int, line: Relay) -> None:
        self._chosen = Random(seed)  # noqa: S311 - it must be repeatable
        self._user = f"user of schedule {seed} {uuid4()}"
        self.devices = [
            Device(name, Line(line, token_for(self._user), self._chosen), self._chosen)
            for name in "ab"
        ]
        self.created: set[str] = set()
        self.deleted: set[str] = set()
        self.written: set[str] = set()

    def go(self) -> None:
        """Let random events happen, then synchronise both devices over a line that works."""
        for _ in range(ACTIONS):
            self._act(self._chosen.choice(self.devices))
        for device in self.devices:
            device.line.works = True
            device.line.close()
        # Changes of the second device reach the first one in the second round.
        for device in self.devices * 2:
            device.bring_in_step()

    def _act(self, device: Device) -> None:
        chance, own = self._chosen.random(), list(device.copy)
        if chance < 0.2 or not own:
            self._create(device)
        elif chance < 0.45:
            title = f"{device.name} {self._chosen.random()}"
            self.written.add(title)
            patch = self._chosen.choice(({"title": title}, *UPDATES))
            device.update(self._chosen.choice(own), patch)
        elif chance < 0.55:
            id_ = self._chosen.choice(own)
            self.deleted.add(device.copy[id_]["description"])
            device.delete(id_)
        else:
            self._go_online(device)

    def _create(self, device: Device) -> None:
        count = self._chosen.choice((1, 1, 2, 3))
        marks = [f"{device.name}{len(self.created) + n}" for n in range(count)]
        self.created.update(marks)
        device.create(*marks)

    def _go_online(self, device: Device) -> None:
        with suppress(CutError):
            device.bring_in_step()
        for each in self.devices:
            each.line.deliver_late()

    def truth(self, server: LiveServer) -> dict[str, Any]:
        """Return the tasks as the server lists them."""
        response = get(server, "/api/tasks?limit=200", self._user)
        assert response.json()["next_cursor"] is None
        return {task["id"]: task for task in response.json()["items"]}


@pytest.fixture
def line(server: LiveServer) -> Iterator[Relay]:
    with relay(server.port) as running:
        yield running


@pytest.mark.parametrize("group", range(GROUPS))
def test_both_devices_end_up_equal_to_the_server(
    group: int,
    server: LiveServer,
    line: Relay,
    record_property: Callable[[str, object], None],
) -> None:
    seen: Counter[str] = Counter()
    for seed in range(group * SCHEDULES, (group + 1) * SCHEDULES):
        schedule = Schedule(seed, line)
        schedule.go()
        truth = schedule.truth(server)
        for device in schedule.devices:
            assert device.copy == truth, seed
            seen.update(device.line.seen)
            device.line.close()
        # Nothing was created twice, nothing stored is lost, and deleted tasks are gone.
        marks = sorted(task["description"] for task in truth.values())
        assert marks == sorted(schedule.created - schedule.deleted), seed
        titles = {task["title"] for task in truth.values()}
        assert titles <= schedule.written | schedule.created, seed
    assert set(seen) == set(FAULTS)
    faults = ", ".join(f"{count} {name}" for name, count in seen.items())
    record_property(REPORTED, f"Devices: {SCHEDULES} schedules in step; requests: {faults}")
