"""Serve the contract, Swagger UI and the list of problems. All are made at start."""

import hashlib
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from quart import Quart, Response, request
from quart_schema import QuartSchema
from quart_schema.openapi import OpenAPIProvider

from quart_contract.bundling import bundled
from quart_contract.document import Document, as_json, mounted
from quart_contract.etags import names_tag
from quart_contract.problems import ProblemCatalogue
from quart_contract.problems_page import render_problems

_DOCUMENTATION = "/docs"
_FOLDER = Path(__file__).parent / "swagger_ui"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
}
_ASK_FIRST = {"Cache-Control": "public, no-cache"}
# An asset keeps its URL when the program is updated. So a cached copy is stale for an hour at most.
_ASK_HOURLY = {"Cache-Control": "public, max-age=3600"}
_HTML_HEADERS = {
    **_ASK_FIRST,
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}


class Page:
    """A response that is the same for every client. Its strong ETag is the SHA-256 of its body."""

    def __init__(self, body: bytes, media_type: str, headers: Mapping[str, str]) -> None:
        self._body = body
        self._etag = hashlib.sha256(body).hexdigest()
        self._headers = {**headers, "Content-Type": media_type, "ETag": f'"{self._etag}"'}

    def response(self) -> Response:
        """Return the response to the current request: 304 if the client has this body already."""
        known = ", ".join(request.headers.getlist("If-None-Match"))
        if not names_tag(known, self._etag):
            return Response(self._body, headers=self._headers)
        return Response(status=HTTPStatus.NOT_MODIFIED, headers=self._headers)


def add_pages(app: Quart, document: Document, pages: Mapping[str, Page]) -> None:
    """Add the routes of all pages to an app, and give the contract to quart-schema."""

    async def page() -> Response:
        return pages[request.path].response()

    async def to_documentation() -> Response:
        location = f"{request.root_path}{_DOCUMENTATION}"
        return Response(b"", HTTPStatus.FOUND, {"Location": location})

    for path in pages:
        app.add_url_rule(path, "contract_page", page)
    for path in ("/", f"{_DOCUMENTATION}/"):
        app.add_url_rule(path, "to_documentation", to_documentation)
    _give_to_quart_schema(app, document)


def _give_to_quart_schema(app: Quart, document: Document) -> None:
    """Make the contract the document of quart-schema, which would derive one from the code.

    Its pages are off: they would serialise the document for each request, with sorted keys, and
    would load the scripts of Swagger UI from another host.
    """

    class Provider(OpenAPIProvider):
        def schema(self) -> dict[str, Any]:
            return dict(document.tree)

    make_response = app.make_response
    QuartSchema(
        app,
        openapi_path=None,
        openapi_provider_class=Provider,
        conversion_preference="msgspec",
    )
    # quart-schema would convert each response. The contract engine has already done that.
    app.make_response = make_response  # type: ignore[method-assign]


def pages_of(document: Document, catalogue: ProblemCatalogue, base_path: str) -> Mapping[str, Page]:
    """Return the pages by path. Raises `ContractError` if the contract is not JSON."""
    return dict(_pages(document, catalogue, base_path))


def _pages(
    document: Document, catalogue: ProblemCatalogue, base_path: str
) -> Iterator[tuple[str, Page]]:
    yield "/openapi.yaml", Page(document.raw, "application/yaml", _ASK_FIRST)
    for name, tree in (("", document.tree), (".bundled", bundled(document))):
        body = as_json(mounted(tree, base_path))
        yield f"/openapi{name}.json", Page(body, "application/json", _ASK_FIRST)
    yield _DOCUMENTATION, _html((_FOLDER / "index.html").read_text("utf-8"))
    template = (_FOLDER / "problems.html").read_text("utf-8")
    yield "/problems", _html(render_problems(template, catalogue.kinds))
    for path in _FOLDER.iterdir():
        if media_type := _MEDIA_TYPES.get(path.suffix):
            yield f"{_DOCUMENTATION}/{path.name}", Page(path.read_bytes(), media_type, _ASK_HOURLY)


def _html(text: str) -> Page:
    return Page(text.encode(), "text/html; charset=utf-8", _HTML_HEADERS)
