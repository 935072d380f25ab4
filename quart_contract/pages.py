"""Serve the contract: its two files, Swagger UI and the list of problems. All are made at start."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from quart import Quart, Response, request
from quart_schema import QuartSchema
from quart_schema.openapi import OpenAPIProvider

from quart_contract.document import Document
from quart_contract.problems import ProblemCatalogue
from quart_contract.problems_page import render_problems

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

    def answer(self) -> Response:
        """Return the response to the current request: 304 if the client has this body already."""
        if not request.if_none_match.contains_weak(self._etag):
            return Response(self._body, headers=self._headers)
        return Response(status=HTTPStatus.NOT_MODIFIED, headers=self._headers)


class ContractProvider(OpenAPIProvider):
    """Gives the contract to quart-schema.

    This replaces its provider, which would derive a document from the code.
    """

    _extension: "ContractPages"

    def schema(self) -> dict[str, Any]:
        """Return the contract's tree."""
        return dict(self._extension.document.tree)


class ContractPages(QuartSchema):
    """quart-schema, which serves the contract unchanged, and pages that load from no other host.

    This overrides the pages of quart-schema, which would serialise the document for each request,
    with sorted keys, and would load the scripts of Swagger UI from another host.
    """

    openapi_provider_class = ContractProvider

    def __init__(self, app: Quart, document: Document, catalogue: ProblemCatalogue) -> None:
        self.document = document
        self._pages = dict(_pages(document, catalogue))
        super().__init__(
            app, redoc_ui_path=None, scalar_ui_path=None, conversion_preference="msgspec"
        )

    def init_app(self, app: Quart) -> None:
        """Add the routes of quart-schema, and routes for the pages that it does not have.

        This keeps the app's own `make_response`. quart-schema would replace it by one that looks
        at each response for something to convert; `answers` has done that already.
        """
        make_response = app.make_response
        super().init_app(app)
        app.make_response = make_response  # type: ignore[method-assign]
        for path in self._pages.keys() - {self.openapi_path, self.swagger_ui_path}:
            app.add_url_rule(path, "contract_page", self.page)
        for path in ("/", f"{self.swagger_ui_path}/"):
            app.add_url_rule(path, "to_swagger_ui", self.to_swagger_ui)

    async def page(self) -> Response:
        """Return the page at the path of the request."""
        return self._pages[request.path].answer()

    async def openapi(self) -> Response:
        """Return the contract in JSON. The override serves bytes that were encoded at start."""
        return await self.page()

    async def swagger_ui(self) -> Response:  # type: ignore[override]  # quart-schema returns a str
        """Return Swagger UI, without inline scripts, which the page's CSP forbids."""
        return await self.page()

    async def to_swagger_ui(self) -> Response:
        """Redirect to the documentation."""
        return Response(b"", HTTPStatus.FOUND, {"Location": str(self.swagger_ui_path)})


def _pages(document: Document, catalogue: ProblemCatalogue) -> Iterator[tuple[str, Page]]:
    tree = json.dumps(document.tree, ensure_ascii=False, allow_nan=False).encode()
    yield "/openapi.yaml", Page(document.raw, "application/yaml", _ASK_FIRST)
    yield "/openapi.json", Page(tree, "application/json", _ASK_FIRST)
    yield "/docs", _html((_FOLDER / "index.html").read_text("utf-8"))
    template = (_FOLDER / "problems.html").read_text("utf-8")
    yield "/problems", _html(render_problems(template, catalogue.kinds))
    for path in _FOLDER.iterdir():
        if media_type := _MEDIA_TYPES.get(path.suffix):
            yield f"/docs/{path.name}", Page(path.read_bytes(), media_type, _ASK_HOURLY)


def _html(text: str) -> Page:
    return Page(text.encode(), "text/html; charset=utf-8", _HTML_HEADERS)
