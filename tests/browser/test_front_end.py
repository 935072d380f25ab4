"""Pages of other origins call the API in a real browser, as docs/how-to/browsers.md says."""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Request, Route

from app import create_app
from app.settings import Settings
from tests.issuer.better_auth import FOLDER, BetterAuth
from tests.support.folders import ROOT
from tests.support.live_server import LiveServer, live
from tests.support.tokens import token_for

GUIDE = (ROOT / "docs" / "how-to" / "browsers.md").read_text()
CLIENT, CREATE, *_ = re.findall(r"(?ms)^```js\n(.*?)^```$", GUIDE)
EXPORTS = """
import * as client from "./taskward.js";
Object.assign(window, client);
"""
# A page's own fetch, with what tools for tracing add to it.
CALL = """async ([url, token, init]) => {
  const tracing = ["traceparent", "tracestate", "baggage", "sentry-trace", "b3", "dd-origin"];
  const headers = Object.fromEntries(tracing.map((name) => [name, "0"]));
  headers.Authorization = `Bearer ${token}`;
  const response = await fetch(url, { ...init, headers: { ...headers, ...init.headers } });
  const body = await response.json();
  return { status: response.status, headers: Object.fromEntries(response.headers), body };
}"""
# The statuses of some calls at the same time.
CREATE_MANY = """([url, count]) => {
  const create = async () => {
    const body = JSON.stringify({ title: "x" });
    const key = crypto.randomUUID();
    const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
    return (await taskwardFetch(url, { method: "POST", headers, body })).status;
  };
  return Promise.all(Array.from({ length: count }, create));
}"""
ERROR = """(url) => taskwardFetch(url).then(
  (response) => response.status,
  (error) => (error instanceof SignedOutError ? "signed out" : "another error"),
)"""
SIGN_UP = """(name) =>
  auth.signUp.email({ email: `${name}@example.com`, password: "correct horse", name })
    .then(({ error }) => error)
"""


@pytest.fixture(scope="module")
def local_server(settings: Settings) -> Iterator[LiveServer]:
    """Run a server that allows local origins, as `dev` does."""
    own = settings.model_copy(update={"cors_origins": ()})
    with live(create_app(own, local_origins=True)) as running:
        yield running


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """Open an empty page in a separate profile."""
    context = await browser.new_context()
    context.set_default_timeout(10_000)
    yield await context.new_page()
    await context.close()


async def test_a_traced_page_reads_responses_and_errors(
    page: Page, local_server: LiveServer, user: str
) -> None:
    await page.goto(f"http://localhost:{local_server.port}/health/live")
    token = token_for(user)

    async def call(path: str, **init: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        url = f"{local_server.base_url}{path}"
        found: dict[str, Any] = await page.evaluate(CALL, [url, token, init])
        return found

    json_type = {"Content-Type": "application/json"}
    created = await call("/api/tasks", method="POST", headers=json_type, body='{"title": "x"}')
    assert created["status"] == 201
    read = {"location", "etag", "ratelimit", "ratelimit-policy", "x-request-id"}
    assert read <= created["headers"].keys()
    task = created["headers"]["location"]
    stale = {"If-Match": '"99"', **json_type}
    changed = await call(task, method="PATCH", headers=stale, body='{"title": "y"}')
    assert (changed["status"], changed["body"]["code"]) == (412, "precondition_failed")
    wrong = await call("/api/tasks?limit=0")
    assert wrong["body"]["errors"][0]["parameter"] == "limit"
    assert wrong["headers"]["x-request-id"] == wrong["body"]["request_id"]
    missing = await call("/nope")
    assert (missing["status"], missing["body"]["code"]) == (404, "path_not_found")
    token = "expired"
    rejected = await call("/api/me")
    assert (rejected["status"], rejected["body"]["code"]) == (401, "invalid_token")
    assert rejected["headers"]["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_serve_does_not_allow_a_page_of_this_machine(page: Page, server: LiveServer) -> None:
    await page.goto(f"http://localhost:{server.port}/health/live")
    outcome = "(url) => fetch(url).then(({ status }) => status, ({ name }) => name)"
    assert await page.evaluate(outcome, f"{server.base_url}/health/live") == "TypeError"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the script of the guide, bundled as a front end's tools do."""
    folder = tmp_path_factory.mktemp("front-end")
    (folder / "node_modules").symlink_to(FOLDER / "node_modules")
    (folder / "taskward.js").write_text(CLIENT)
    (folder / "main.js").write_text(EXPORTS)
    esbuild = folder / "node_modules" / ".bin" / "esbuild"
    return subprocess.check_output(
        [esbuild, "main.js", "--bundle", "--format=esm"], cwd=folder, text=True
    )


@pytest.fixture(scope="module")
def trusting(settings: Settings, better_auth: BetterAuth) -> Iterator[LiveServer]:
    """Run a server that trusts Better Auth, whose server also serves the page."""
    trust = {
        "jwks_url": better_auth.jwks_url,
        "jwt_issuer": (better_auth.base_url,),
        "jwt_audience": (better_auth.base_url,),
        "cors_origins": (better_auth.base_url,),
    }
    with live(create_app(settings.model_copy(update=trust))) as running:
        yield running


@pytest.fixture
async def front_end(page: Page, better_auth: BetterAuth, bundle: str) -> Page:
    """Open a page of Better Auth's own origin, with the code of the guide."""
    await page.goto(f"{better_auth.base_url}/api/auth/ok")
    await page.add_script_tag(content=bundle, type="module")
    await page.wait_for_function("'taskwardFetch' in window")
    return page


async def spoil_tokens(page: Page, url: str, count: int) -> None:
    """Make the token of the next calls invalid, as if the page's token had expired.

    A call is known by its idempotency key. Its repeat can be sent before the first attempt of
    another call, because a browser opens only a few connections.
    """
    spoilt = list[str | None]()

    async def spoil(route: Route) -> None:
        headers = route.request.headers
        call = headers.get("idempotency-key")
        if "authorization" in headers and call not in spoilt and len(spoilt) < count:
            spoilt.append(call)
            headers |= {"authorization": "Bearer expired"}
        await route.continue_(headers=headers)

    await page.route(f"{url}*", spoil)


async def test_the_guide_renews_one_token_at_a_time(
    front_end: Page, trusting: LiveServer, user: str
) -> None:
    renewals: list[str] = []

    def note(request: Request) -> None:
        if request.url.endswith("/api/auth/token"):
            renewals.append(request.url)

    tasks = f"{trusting.base_url}/api/tasks"
    assert await front_end.evaluate(ERROR, tasks) == "signed out"
    assert await front_end.evaluate(SIGN_UP, user) is None
    front_end.on("request", note)
    assert await front_end.evaluate(CREATE_MANY, [tasks, 10]) == [201] * 10
    assert len(renewals) == 1
    kept = "[localStorage.length, sessionStorage.length, document.cookie]"
    assert await front_end.evaluate(kept) == [0, 0, ""]
    create = CREATE.replace("http://127.0.0.1:8000", trusting.base_url)
    await front_end.evaluate(f"async () => {{{create}}}")

    await asyncio.sleep(1)  # tokens of the same second are equal
    await spoil_tokens(front_end, tasks, 10)
    assert await front_end.evaluate(CREATE_MANY, [tasks, 10]) == [201] * 10
    assert len(renewals) == 2
    count = f"taskwardFetch('{tasks}').then((it) => it.json()).then((it) => it.items.length)"
    assert await front_end.evaluate(count) == 21

    await front_end.evaluate("signOut()")
    assert await front_end.evaluate(ERROR, tasks) == "signed out"


async def test_the_guide_keeps_a_user_signed_in_without_better_auth(
    front_end: Page, trusting: LiveServer, better_auth: BetterAuth, user: str
) -> None:
    tasks = f"{trusting.base_url}/api/tasks"
    assert await front_end.evaluate(SIGN_UP, user) is None
    assert await front_end.evaluate(ERROR, tasks) == 200
    await spoil_tokens(front_end, tasks, 1)
    better_auth.stop()
    try:
        assert await front_end.evaluate(ERROR, tasks) == "another error"
    finally:
        better_auth.start()
    assert await front_end.evaluate(ERROR, tasks) == 200
