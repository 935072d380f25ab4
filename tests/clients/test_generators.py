"""Clients of ten generators compile, and work with this version and a later one."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from app import create_app
from app.settings import Settings
from tests.blocks import read_block, write_block
from tests.clients.generation import build
from tests.clients.generators import GENERATORS, STEPS, Generator, table
from tests.clients.later_version import LaterVersion
from tests.clients.workshop import Workshop, open_workshop
from tests.conftest import REPORTED
from tests.support.folders import ROOT
from tests.support.live_server import LiveServer, live
from tests.support.tokens import token_for

PAGE = ROOT / "docs" / "how-to" / "clients.md"


@pytest.fixture
def later_version(settings: Settings) -> Iterator[LiveServer]:
    """A server whose responses have properties that the clients do not know."""
    app = create_app(settings)
    app.asgi_app = LaterVersion(app.asgi_app)  # type: ignore[method-assign]
    with live(app) as running:
        yield running


def tell(generator: Generator, workshop: Workshop, server: LiveServer, user: str) -> list[str]:
    """Run a story as a user of its own. Return the steps that passed."""
    command, environment = generator.story(workshop)
    # In a zone west of UTC, a day that is read as an instant becomes the day before.
    world = {"BASE_URL": server.base_url, "TOKEN": token_for(user), "TZ": "America/New_York"}
    return workshop.run(*command, environment=environment | world).splitlines()


def test_every_generated_client_works(
    server: LiveServer,
    later_version: LiveServer,
    user: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    workshop = open_workshop(tmp_path)
    build(workshop, httpx.get(f"{server.base_url}/openapi.bundled.json").content)
    passed = {}
    for each in GENERATORS:
        for number, running in enumerate((server, later_version)):
            steps = tell(each, workshop, running, f"{user} {each.name} {number}")
            assert steps == list(STEPS), each.name
            passed[each.name] = len(steps)
    found = table(passed)
    if os.environ.get("TASKWARD_UPDATE_CLIENTS") == "1":
        write_block(PAGE, "generators", found)
    assert read_block(PAGE, "generators") == found
    total = 2 * sum(passed.values())
    record_property(REPORTED, f"Clients: {len(passed)} generators; {total} steps passed")
