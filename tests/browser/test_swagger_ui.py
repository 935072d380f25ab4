"""A person opens the documentation in a browser and tries out every operation."""

import hashlib
import json
import os
import struct
import zlib
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import Request

from app import create_app
from app.settings import Settings
from quart_contract.document import Document
from quart_contract.operations import Operation, operations
from tests.browser.docs_page import DocsPage, Response, Witness
from tests.support.live_server import LiveServer, live
from tests.support.tokens import token_for

SCREENSHOT = Path(__file__).parents[2] / "docs" / "swagger-ui.png"
TASK = {"title": "Renew the passport", "description": "Take two photographs along."}
BROWSERS_OWN = {
    *("accept-encoding", "accept-language", "connection", "content-length", "host", "origin"),
    *("referer", "user-agent"),
}
INLINE_SCRIPT = """
const script = document.createElement("script");
script.textContent = "document.title = 'injected'";
document.body.append(script);
"""


async def test_every_operation_can_be_tried_out(
    docs: DocsPage, witness: Witness, server: LiveServer, contract: Document, user: str
) -> None:
    sent: list[Request] = []

    def note(request: Request) -> None:
        if request.resource_type == "fetch":  # and not an image of the page
            sent.append(request)

    docs.page.on("request", note)
    tried: dict[str, Response] = {}

    async def try_out(operation_id: str, body: object = None, **parameters: str) -> None:
        tried[operation_id] = await docs.try_out(operation_id, body, **parameters)

    await docs.authorize(token_for(user))
    await try_out("createTask", TASK)
    task_id = json.loads(tried["createTask"].body)["id"]
    await try_out("listTasks")
    await try_out("getTask", id=task_id)
    await try_out("replaceTask", {"title": "Renew both"}, id=task_id)
    await try_out("updateTask", {"title": "Renew all"}, id=task_id)
    await try_out("completeTask", {"completed": True}, id=task_id)
    await try_out("deleteTask", id=task_id)
    await try_out("restoreTask", id=task_id)
    await try_out("listChanges")
    await try_out("batchTasks", {"operations": [{"op": "create", "task": TASK}]})
    await try_out("getMe")
    await try_out("deleteMe", confirm=user)
    await try_out("getLiveness")
    await try_out("getReadiness")

    assert await docs.operation_ids() == set(tried)
    expected = {"createTask": "201", "deleteTask": "204", "deleteMe": "204"}
    statuses = {operation_id: response.status for operation_id, response in tried.items()}
    assert statuses == dict.fromkeys(tried, "200") | expected
    bodies = {name: json.loads(each.body) for name, each in tried.items() if each.body}
    assert [each["title"] for each in bodies["listTasks"]["items"]] == [TASK["title"]]
    assert bodies["getTask"] == bodies["createTask"]
    assert bodies["replaceTask"]["title"] == "Renew both"
    assert bodies["updateTask"]["title"] == "Renew all"
    assert bodies["completeTask"]["completed"] is True
    by_id = {each.id: each for each in operations(contract)}
    for operation_id, request in zip(tried, sent, strict=True):
        await assert_only_chosen(request, by_id[operation_id])
    assert witness.complaints == []
    assert witness.foreign(server.base_url) == []


async def assert_only_chosen(request: Request, operation: Operation) -> None:
    """Assert that the page added nothing to what a person has filled in."""
    due = {"accept"} | ({"authorization"} if operation.schemes else set())
    assert await added_headers(request) == due | ({"content-type"} if operation.body else set())
    chosen = {"confirm"} if operation.id == "deleteMe" else set()
    assert set(parse_qs(urlsplit(request.url).query, keep_blank_values=True)) == chosen


async def test_a_request_without_a_required_parameter_is_not_sent(
    docs: DocsPage, witness: Witness
) -> None:
    before = len(witness.requests)
    block = await docs.expand("getTask")
    await block.get_by_role("button", name="Execute").click()
    await block.locator("input.invalid").wait_for()
    assert [each for each in witness.requests[before:] if "/api/" in each] == []


async def test_the_page_works_under_a_base_path(
    docs: DocsPage, witness: Witness, settings: Settings, user: str
) -> None:
    mounted = create_app(settings.model_copy(update={"base_path": "/tasks"}))
    with live(mounted) as server:
        await docs.open(f"{server.base_url}/tasks/")
        await docs.authorize(token_for(user))
        assert (await docs.try_out("createTask", TASK)).status == "201"
        assert (await docs.try_out("getReadiness")).status == "200"
    paths = {urlsplit(url).path for url in witness.requests if url.startswith(server.base_url)}
    assert {"/tasks/api/tasks", "/tasks/health/ready"} < paths
    assert [path for path in paths if not path.startswith("/tasks/")] == []
    assert witness.complaints == []


async def added_headers(request: Request) -> set[str]:
    """Return the names of the headers that the page sets, and not the browser."""
    headers = await request.all_headers()
    return {name for name in headers if not name.startswith("sec-")} - BROWSERS_OWN


async def test_defaults_and_choices_are_shown(docs: DocsPage) -> None:
    block = await docs.expand("listTasks")
    text = await block.inner_text()
    assert "By default, the newest come first (-created_at)" in text
    assert "Default: 50" in text
    chosen = block.locator('[data-param-name="status"] select')
    assert await chosen.input_value() == ""
    choices = await chosen.locator("option").all_inner_texts()
    assert choices == ["--", "all", "pending", "completed", "deleted"]


async def test_a_new_task_is_shown_as_it_was_stored(docs: DocsPage, contract: Document) -> None:
    await docs.authorize(token_for("ada"))
    response = await docs.try_out("createTask", TASK)
    assert json.loads(response.body).items() >= TASK.items()
    picture = await docs.picture("createTask")
    if os.environ.get("TASKWARD_UPDATE_SCREENSHOT") == "1":
        SCREENSHOT.write_bytes(labelled(picture, contract))


def test_the_picture_of_the_readme_shows_the_current_contract(contract: Document) -> None:
    is_current = comment(contract) in SCREENSHOT.read_bytes()
    assert is_current, "docs/swagger-ui.png is stale: run make screenshot"


def comment(contract: Document) -> bytes:
    """Return a text chunk of a PNG (PNG 1.2, 4.2.3.1) that identifies what the picture shows."""
    components = contract.tree["components"]
    shown = (
        contract.version,
        contract.tree["paths"]["/api/tasks"]["post"],
        components["parameters"]["IdempotencyKey"],
        components["requestBodies"]["TaskInput"],
        components["schemas"]["TaskInput"],
    )
    digest = hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()
    return f"tEXtComment\0Contract {digest[:16]}".encode()


def labelled(picture: bytes, contract: Document) -> bytes:
    """Return a PNG with the comment before its last chunk, which has 12 bytes."""
    text = comment(contract)
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    return picture[:-12] + chunk + picture[-12:]


async def test_a_token_is_not_kept_by_the_browser(docs: DocsPage, user: str) -> None:
    await docs.authorize(token_for(user))
    kept = await docs.page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
    assert kept == [0, 0, ""]


async def test_an_address_cannot_bring_in_another_contract(
    docs: DocsPage, witness: Witness, server: LiveServer
) -> None:
    elsewhere = "https://elsewhere.invalid/openapi.json"
    await docs.open(f"{server.base_url}/docs?url={elsewhere}&configUrl={elsewhere}")
    assert "createTask" in await docs.operation_ids()
    assert witness.complaints == []
    assert witness.foreign(server.base_url) == []


async def test_the_type_of_a_problem_leads_to_its_description(
    docs: DocsPage, witness: Witness, server: LiveServer
) -> None:
    await docs.page.goto(f"{server.base_url}/problems#task_not_found")
    section = docs.page.locator("section:target")
    assert "404 Task not found." in await section.inner_text()
    assert witness.complaints == []


async def test_an_inline_script_would_not_run_and_would_be_noticed(
    docs: DocsPage, witness: Witness
) -> None:
    await docs.page.evaluate(INLINE_SCRIPT)
    assert await docs.page.title() == "Taskward API"
    assert any("violation of script-src" in complaint for complaint in witness.complaints)
