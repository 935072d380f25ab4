"""Each proxy compresses, mounts the API under a path, and keeps connections in its own way."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import uuid4

import httpx
import pytest
from limits import parse

from app import create_app
from app.auth.bearer import MAX_TOKEN_BYTES
from app.settings import Settings
from tests.conftest import REPORTED
from tests.proxies.configurations import BASE_PATH, PROXIES, page
from tests.proxies.conftest import proxy
from tests.support.live_server import LiveServer, live
from tests.support.tokens import token_for

LONG = "Take two photographs along. " * 100
IDLE_SECONDS = 0.5
GUESSES = 5


@pytest.fixture(scope="module")
def behind(settings: Settings) -> Iterator[LiveServer]:
    """Serve under a path of a proxy, and at the root."""
    changes = {"base_path": BASE_PATH, "trusted_proxy_hops": 1}
    with live(create_app(settings.model_copy(update=changes))) as running:
        yield running


def test_a_tag_that_a_proxy_changes_can_be_sent_back(
    name: str, behind: LiveServer, user: str, record_property: Callable[[str, object], None]
) -> None:
    with proxy(name, [behind.port]) as running, running.client(user) as client:
        made = client.post("/api/tasks", json={"title": "x", "description": LONG})
        address = f"/api/tasks/{made.json()['id']}"
        read = client.get(address)
        assert (read.status_code, read.http_version) == (200, "HTTP/2")
        assert read.json()["description"] == LONG
        tag = read.headers["ETag"]
        record_property(REPORTED, f"{name}: the ETag of a compressed task is {tag}")
        assert tag == shown(name).replace("42", str(read.json()["revision"]))
        listed = client.get("/api/tasks")
        served = client.get("/openapi.json")
        for target, response in (
            (address, read),
            ("/api/tasks", listed),
            ("/openapi.json", served),
        ):
            assert response.headers["Content-Encoding"] == "gzip"
            again = client.get(target, headers={"If-None-Match": response.headers["ETag"]})
            assert (again.status_code, again.content) == (304, b"")
        for status, title in ((200, "y"), (412, "z")):
            changed = client.patch(address, json={"title": title}, headers={"If-Match": tag})
            assert changed.status_code == status


def shown(name: str) -> str:
    """Return the tag that the page has in the column of a proxy."""
    rows = [re.split(r" *\| *", line) for line in page().splitlines() if line.startswith("|")]
    (names,) = [row for row in rows if any(cell.startswith("Apache") for cell in row)]
    (tags,) = [row for row in rows if row[1].startswith("`ETag`")]
    (column,) = [number for number, cell in enumerate(names) if cell.startswith(name)]
    return tags[column].strip("`")


def test_empty_bodies_and_long_tokens_pass(name: str, behind: LiveServer, user: str) -> None:
    rest = MAX_TOKEN_BYTES - len(token_for(user, padding=""))
    token = token_for(user, padding="x" * (rest * 3 // 4 - 8))
    assert MAX_TOKEN_BYTES - 100 < len(token) <= MAX_TOKEN_BYTES
    with (
        proxy(name, [behind.port]) as running,
        running.client(user, Authorization=f"Bearer {token}") as client,
    ):
        made = client.post("/api/tasks", json={"title": "x"})
        address = f"/api/tasks/{made.json()['id']}"
        # Without a length, HTTP/2 sends the end of an empty body in a frame of its own.
        for method, target, status in (
            ("PATCH", f"{address}/complete", 200),
            ("GET", address, 200),
            ("POST", "/api/tasks", 422),
            ("DELETE", address, 204),
        ):
            response = client.request(method, target, content=iter([b""]))
            assert (method, response.status_code) == (method, status)


def test_guesses_count_by_the_address_that_the_proxy_saw(
    name: str, settings: Settings, user: str
) -> None:
    """They do not count by an address that a client invents."""
    changes = {"rate_limit": parse(f"{GUESSES}/hour"), "trusted_proxy_hops": 1}
    with (
        live(create_app(settings.model_copy(update=changes))) as server,
        proxy(name, [server.port]) as running,
        running.client(user) as client,
    ):
        statuses = Counter(guess(client, number) for number in range(GUESSES + 2))
    assert statuses == {401: GUESSES, 429: 2}


def guess(client: httpx.Client, number: int) -> int:
    """Send an invalid token, and an address that is not the client's."""
    headers = {
        "Authorization": f"Bearer bad.bad.{uuid4()}",
        "X-Forwarded-For": f"203.0.113.{number}",
    }
    return client.get("/api/me", headers=headers).status_code


@pytest.mark.parametrize("mount", ["kept", "removed"])
def test_no_address_leads_out_of_a_mounted_api(
    name: str, behind: LiveServer, user: str, mount: str
) -> None:
    with (
        proxy(name, [behind.port], mount) as running,  # type: ignore[arg-type]  # one of `Mount`
        running.client(user) as client,
    ):
        for title in "ab":
            made = client.post(f"{BASE_PATH}/api/tasks", json={"title": title})
            assert client.get(made.headers["Location"]).json() == made.json()
        first = client.get(f"{BASE_PATH}/api/tasks?limit=1")
        second = client.get(first.links["next"]["url"])
        assert [each.json()["items"][0]["title"] for each in (first, second)] == ["b", "a"]
        docs = client.get(f"{BASE_PATH}/", follow_redirects=True)
        assert (docs.status_code, docs.url.path) == (200, f"{BASE_PATH}/docs")
        assert client.get(docs.url.join("docs/init.js")).status_code == 200
        assert client.get(docs.url.join("openapi.json")).json()["servers"][0]["url"] == BASE_PATH


def test_no_request_is_lost_after_idle_times(settings: Settings, user: str) -> None:
    """The server closes an idle connection before the proxy does, which then opens another."""
    with ExitStack() as stack:
        server = stack.enter_context(live(create_app(settings), IDLE_SECONDS))
        running = [stack.enter_context(proxy(each, [server.port])) for each in PROXIES]
        clients = [stack.enter_context(each.client(user)) for each in running]
        for pause in (0, 2, 0.1, 2):
            time.sleep(pause * IDLE_SECONDS)
            made = [each.post("/api/tasks", json={"title": "x"}).status_code for each in clients]
            assert (pause, made) == (pause, [201] * len(PROXIES))
