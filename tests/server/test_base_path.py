"""The API under the path of a proxy, which removes that path from requests or does not."""

from collections.abc import Iterator
from urllib.parse import urljoin

import httpx
import pytest

from app import create_app
from app.settings import Settings, SettingsError
from tests.support.clients import async_client
from tests.support.live_server import LiveServer, live
from tests.support.tokens import bearer

BASE_PATHS = ["/tasks", "/api", "/teams/a/api"]


@pytest.fixture(scope="module", params=BASE_PATHS)
def base_path(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def mounted(settings: Settings, base_path: str) -> Iterator[LiveServer]:
    with live(create_app(settings.model_copy(update={"base_path": base_path}))) as running:
        yield running


def client_of(server: LiveServer, user: str, *, removed: str) -> httpx.AsyncClient:
    """Return a client behind a proxy that removes the path `removed` from each request."""

    class Proxy(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            sent = request.url.raw_path.removeprefix(removed.encode()) or b"/"
            forwarded = httpx.Request(
                request.method,
                request.url.copy_with(raw_path=sent),
                headers=request.headers,
                stream=request.stream,
            )
            return await super().handle_async_request(forwarded)

    return httpx.AsyncClient(base_url=server.base_url, headers=bearer(user), transport=Proxy())


@pytest.mark.parametrize("is_removed", [False, True])
async def test_no_address_leads_out_of_the_base_path(
    mounted: LiveServer, base_path: str, user: str, *, is_removed: bool
) -> None:
    async with client_of(mounted, user, removed=base_path if is_removed else "") as client:
        for title in "ab":
            made = await client.post(f"{base_path}/api/tasks", json={"title": title})
            assert made.headers["Location"] == f"{base_path}/api/tasks/{made.json()['id']}"
            assert (await client.get(made.headers["Location"])).json() == made.json()
        pages = [await client.get(f"{base_path}/api/tasks?limit=1")]
        assert pages[0].links["next"]["url"].startswith(f"{base_path}/api/tasks?")
        pages.append(await client.get(pages[0].links["next"]["url"]))
        assert [each.json()["items"][0]["title"] for each in pages] == ["b", "a"]
        lost = (await client.get(f"{base_path}/api/tasks/{user}")).json()
        assert lost["instance"] == f"{base_path}/api/tasks/{user}"
        described = await client.get(lost["type"].partition("#")[0])
        assert f'id="{lost["code"]}"' in described.text
        for path in ("", "/", "/docs/"):
            redirect = await client.get(f"{base_path}{path}")
            assert (redirect.status_code, redirect.headers["Location"]) == (
                302,
                f"{base_path}/docs",
            )
        for name in ("openapi.json", "openapi.bundled.json"):
            document = (await client.get(f"{base_path}/{name}")).json()
            assert [each["url"] for each in document["servers"]] == [base_path]
        page = urljoin(f"{mounted.base_url}{base_path}/docs", "docs/init.js")
        assert (await client.get(page)).status_code == 200
        assert (await client.get(f"{base_path}/health/ready")).status_code == 200


async def test_health_checks_and_pages_work_without_the_base_path(
    mounted: LiveServer, base_path: str, user: str
) -> None:
    async with async_client(mounted, user) as client:
        for path in ("/health/live", "/health/ready", "/api/me", "/openapi.yaml", "/docs"):
            assert (await client.get(path)).status_code == 200
        unknown = await client.get(f"{base_path}/none")
        assert (unknown.status_code, unknown.json()["instance"]) == (404, f"{base_path}/none")
        assert (await client.get(f"{base_path}x/api/me")).status_code == 404
        assert (await client.get(f"{base_path}//api/me")).status_code == 404
        assert (await client.get(f"{base_path}/api%2Fme")).status_code == 404
        assert (await client.post(f"{base_path}/api/me")).status_code == 405


async def test_a_target_has_the_base_path_in_any_form(
    mounted: LiveServer, base_path: str, user: str
) -> None:
    encoded = f"{base_path[:-1]}%{ord(base_path[-1]):x}"
    async with async_client(mounted, user) as client:
        for path in (base_path, encoded, ""):
            for start in ("", "http://example.com", "HTTPS://example.com:8000"):
                request = client.build_request("GET", f"{mounted.base_url}/")
                request.extensions["target"] = f"{start}{path}/api/me".encode()
                assert (await client.send(request)).status_code == 200, request.extensions
        request = client.build_request("GET", f"{mounted.base_url}/")
        request.extensions["target"] = f"http://example.com{base_path}".encode()
        assert (await client.send(request)).headers["Location"] == f"{base_path}/docs"


async def test_without_a_base_path_a_client_cannot_choose_one(
    server: LiveServer, user: str
) -> None:
    headers = {"X-Forwarded-Prefix": "/evil", "X-Script-Name": "/evil"}
    async with async_client(server, user, headers) as client:
        made = await client.post("/api/tasks", json={"title": "x"})
        assert made.headers["Location"].startswith("/api/tasks/")
        assert (await client.get("/")).headers["Location"] == "/docs"
        assert (await client.get("/evil/api/me")).status_code == 404


@pytest.mark.parametrize("path", ["/docs", "/api/tasks", "/api/tasks/x", "/health/live"])
def test_a_path_of_taskward_is_no_base_path(settings: Settings, path: str) -> None:
    with pytest.raises(SettingsError, match=f"BASE_PATH: {path} is a path of Taskward"):
        create_app(settings.model_copy(update={"base_path": path}))
