"""The documentation page as a person uses it, and a recorder of what the browser reports."""

import json
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from playwright.async_api import ConsoleMessage, Locator, Page, Request

_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`violation of ${event.violatedDirective} by ${event.blockedURI}`);
});
"""
_HEIGHT = """block => Math.ceil(
  block.querySelector(".live-responses-table .highlight-code").getBoundingClientRect().bottom
    - block.getBoundingClientRect().top)
"""


@dataclass
class Witness:
    """Records error messages of the browser, and every address that it requests."""

    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    async def watch(self, page: Page) -> None:
        """Start to record. The page must not be open yet."""
        await page.add_init_script(_REPORT_VIOLATIONS)
        page.on("console", self._note_message)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        page.on("request", self._note_request)

    def foreign(self, base_url: str) -> list[str]:
        """The requested addresses on other hosts."""
        return [
            url
            for url in self.requests
            if urlsplit(url).scheme not in ("data", "blob") and not url.startswith(f"{base_url}/")
        ]

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _note_request(self, request: Request) -> None:
        self.requests.append(request.url)


class Response(NamedTuple):
    """The response that the page shows."""

    operation_id: str
    status: str
    body: str


class DocsPage:
    """Swagger UI. An operation is identified by its operationId."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def open(self, url: str) -> None:
        """Open the page, and wait until it shows operations."""
        await self.page.goto(url)
        await self.page.locator(".opblock").first.wait_for()

    async def operation_ids(self) -> set[str]:
        """Return the operations that the page shows."""
        blocks = await self.page.locator(".opblock").all()
        return {str(await block.get_attribute("id")).rpartition("-")[2] for block in blocks}

    async def authorize(self, token: str) -> None:
        """Paste a token into the form, as a person does."""
        await self.page.get_by_role("button", name="Authorize", exact=True).click()
        dialog = self.page.locator(".dialog-ux")
        await dialog.get_by_role("textbox").fill(token)
        await dialog.get_by_role("button", name="Apply credentials").click()
        await dialog.get_by_role("button", name="Close", exact=True).click()
        await dialog.wait_for(state="detached")

    async def try_out(self, operation_id: str, body: object = None, **parameters: str) -> Response:
        """Open an operation instead of the previous one, fill in the fields, and execute it."""
        block = await self.expand(operation_id)
        for name, value in parameters.items():
            await block.locator(f'[data-param-name="{name}"] input').fill(value)
        if body is not None:
            await block.locator("textarea.body-param__text").fill(json.dumps(body, indent=2))
        await block.get_by_role("button", name="Execute").click()
        row = block.locator(".live-responses-table tbody tr").first
        status = await row.locator(".response-col_status").inner_text()
        has_body = await row.get_by_text("Response body").count()
        shown = await row.locator(".highlight-code code").inner_text() if has_body else ""
        return Response(operation_id, status.split()[0], shown)

    async def expand(self, operation_id: str) -> Locator:
        """Open an operation instead of the previous one, and return its element."""
        opened = self.page.locator(".opblock.is-open .opblock-summary-control")
        if await opened.count():
            await opened.click()
        block = self.operation(operation_id)
        await block.locator(".opblock-summary-control").click()
        return block

    async def picture(self, operation_id: str) -> bytes:
        """Take a screenshot of an operation, from its title to the body of the response."""
        block = self.operation(operation_id)
        height = await block.evaluate(_HEIGHT)
        await self.page.set_viewport_size({"width": 1280, "height": height})
        await block.evaluate("block => block.scrollIntoView()")
        return await self.page.screenshot()

    def operation(self, operation_id: str) -> Locator:
        """Return the element of an operation."""
        return self.page.locator(f'.opblock[id$="-{operation_id}"]')
