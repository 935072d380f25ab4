"""The contract, Swagger UI and the list of problems are served, and load from no other host."""

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

import quart_contract
from quart_contract.document import Document
from quart_contract.problems import Kind
from quart_contract.problems_page import render_problems
from tests.support.live_server import LiveServer

FOLDER = Path(quart_contract.__file__).parent / "swagger_ui"
PAGES = ["/docs", "/problems"]
FILES = ["/openapi.yaml", "/openapi.json", "/openapi.bundled.json"]
EVERYTHING = [*PAGES, *FILES, "/docs/init.js"]


class Markup(HTMLParser):
    """The references of a page, and the text under each `id`."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.sections: dict[str, str] = {}
        self.inline: list[str] = []
        self._tag = ""
        self._section = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        for name, value in attrs:
            if name == "id":
                self._section = value or ""
            elif name == "src" or (name == "href" and tag == "link"):
                self.loaded.append(value or "")
            elif name == "href":
                self.links.append(value or "")
            elif name == "style" or name.startswith("on"):
                self.inline.append(name)

    def handle_data(self, data: str) -> None:
        if self._tag in {"script", "style"} and data.strip():
            self.inline.append(data)
        self.sections[self._section] = self.sections.get(self._section, "") + data


async def test_the_contract_is_served_byte_for_byte(
    anonymous: httpx.AsyncClient, contract: Document
) -> None:
    response = await anonymous.get("/openapi.yaml")
    assert response.status_code == 200
    assert response.content == contract.raw
    assert response.headers["Content-Type"] == "application/yaml"
    assert response.headers["ETag"] == f'"{hashlib.sha256(contract.raw).hexdigest()}"'


async def test_the_contract_in_json_says_the_same_in_the_same_order(
    anonymous: httpx.AsyncClient, contract: Document
) -> None:
    response = await anonymous.get("/openapi.json")
    assert response.headers["Content-Type"] == "application/json"
    assert response.json() == contract.tree
    assert json.dumps(response.json()) == json.dumps(contract.tree)


async def test_the_bundled_contract_has_no_references(
    anonymous: httpx.AsyncClient, contract: Document
) -> None:
    tree = (await anonymous.get("/openapi.bundled.json")).json()
    assert "$ref" not in json.dumps(tree)
    assert tree["info"] == contract.tree["info"]
    create = tree["paths"]["/api/tasks"]["post"]
    body = create["requestBody"]["content"]["application/json"]["schema"]
    assert body["title"] == "TaskInput"
    assert body["properties"]["title"]["maxLength"] == 200
    problem = create["responses"]["422"]["content"]["application/problem+json"]["schema"]
    assert problem["properties"]["errors"]["items"]["title"] == "Fault"


async def test_quart_schema_serves_the_contract_unchanged(
    server: LiveServer, contract: Document
) -> None:
    schema = server.app.extensions["QUART_SCHEMA"].openapi_provider.schema()
    assert schema == contract.tree


@pytest.mark.parametrize("path", EVERYTHING)
@pytest.mark.parametrize("known", ["{0}", "W/{0}", '"other", {0}', "*", '"{1}-gzip"'])
async def test_what_a_client_has_is_not_sent_again(
    anonymous: httpx.AsyncClient, path: str, known: str
) -> None:
    first = await anonymous.get(path)
    etag = first.headers["ETag"]
    headers = {"If-None-Match": known.format(etag, etag.strip('"'))}
    response = await anonymous.get(path, headers=headers)
    assert response.status_code == 304
    assert response.content == b""
    assert response.headers["ETag"] == first.headers["ETag"]
    assert response.headers["Cache-Control"] == first.headers["Cache-Control"]
    assert response.headers["Cache-Control"].startswith("public")


@pytest.mark.parametrize("path", EVERYTHING)
@pytest.mark.parametrize("header", [{"If-None-Match": '"other"'}, {"Range": "bytes=0-3"}])
async def test_what_a_client_lacks_is_sent_whole(
    anonymous: httpx.AsyncClient, path: str, header: dict[str, str]
) -> None:
    response = await anonymous.get(path, headers=header)
    assert response.status_code == 200
    assert response.headers["ETag"] == f'"{hashlib.sha256(response.content).hexdigest()}"'


@pytest.mark.parametrize("path", EVERYTHING)
async def test_head_answers_as_get_does_without_the_body(
    anonymous: httpx.AsyncClient, path: str
) -> None:
    got, head = await anonymous.get(path), await anonymous.head(path)
    assert head.content == b""
    for name in ("Content-Type", "Content-Length", "ETag", "Cache-Control"):
        assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize("path", EVERYTHING)
async def test_pages_are_only_read(anonymous: httpx.AsyncClient, path: str) -> None:
    response = await anonymous.post(path)
    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_may_load_nothing_from_elsewhere(
    anonymous: httpx.AsyncClient, path: str
) -> None:
    response = await anonymous.get(path)
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    policy = dict(
        directive.split(" ", 1)
        for directive in response.headers["Content-Security-Policy"].split("; ")
    )
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }


@pytest.mark.parametrize("path", PAGES)
async def test_everything_that_a_page_refers_to_is_served(
    anonymous: httpx.AsyncClient, path: str
) -> None:
    markup = Markup((await anonymous.get(path)).text)
    assert markup.inline == []
    assert markup.loaded
    for reference in [*markup.loaded, *markup.links]:
        response = await anonymous.get(str(httpx.URL(f"http://page{path}").join(reference).path))
        assert response.status_code == 200, reference
    for reference in markup.loaded:
        response = await anonymous.get(f"/{reference}")
        assert response.headers["Cache-Control"] == "public, max-age=3600"


@pytest.mark.parametrize("name", ["index.html", "problems.html", "init.js", "pages.css"])
def test_our_own_files_name_no_other_host(name: str) -> None:
    text = (FOLDER / name).read_text("utf-8")
    assert not re.search(r"""["'(=]\s*//|[a-z]:/|url\(|@import""", text)


def test_no_file_asks_for_a_source_map() -> None:
    for path in FOLDER.iterdir():
        assert b"sourceMappingURL=" not in path.read_bytes(), path.name


@pytest.mark.parametrize(
    "path",
    [
        "/docs/nope.js",
        "/docs/index.html",
        "/docs/LICENSE",
        "/docs/%2e%2e/pages.py",
        "/docs/..%2fpages.py",
        "/docs/%2e%2e%5cpages.py",
        "/docs/init.js%00",
        "/docs/init.js/",
        "/problems/",
        "/redocs",
        "/scalar",
    ],
)
async def test_what_is_no_page_is_not_found(anonymous: httpx.AsyncClient, path: str) -> None:
    response = await anonymous.get(path)
    assert response.status_code == 404
    assert response.json()["code"] == "path_not_found"


@pytest.mark.parametrize("path", ["/", "/docs/"])
async def test_other_ways_in_lead_to_the_documentation(
    anonymous: httpx.AsyncClient, path: str
) -> None:
    response = await anonymous.get(path)
    assert response.status_code == 302
    assert response.headers["Location"] == "/docs"
    assert response.content == b""


async def test_every_problem_is_described_where_its_type_leads(
    anonymous: httpx.AsyncClient, contract: Document
) -> None:
    sections = Markup((await anonymous.get("/problems")).text).sections
    problems = contract.tree["components"]["schemas"]["ProblemCode"]["x-problems"]
    assert list(sections)[1:] == list(problems)
    for code, problem in problems.items():
        assert f"{problem['status']} {problem['title']}." in sections[code]
        assert problem["description"].replace("`", "").strip() in sections[code]


async def test_the_type_of_an_answered_problem_leads_to_that_page(
    anonymous: httpx.AsyncClient,
) -> None:
    problem = (await anonymous.get("/api/tasks")).json()
    page, _, anchor = problem["type"].partition("#")
    assert anchor in Markup((await anonymous.get(page)).text).sections


def test_the_text_of_a_problem_cannot_be_markup() -> None:
    kinds = {'"><script>': Kind(400, "<b> & $problems {0}", "Not `<i>`, & not \"'.")}
    page = render_problems("$problems", kinds)
    assert "<script>" not in page
    assert "&lt;b&gt; &amp; $problems {0}" in page
    assert "Not <code>&lt;i&gt;</code>, &amp; not &quot;&#x27;." in page
