"""A real Chromium, as installed on the machine."""

import os
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

from tests.browser.docs_page import DocsPage, Witness
from tests.issuer.conftest import better_auth
from tests.support.live_server import LiveServer
from tests.support.programs import program

__all__ = ["better_auth"]  # a fixture
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Run headless Chromium. If it is not installed, skip the test, but not in CI."""
    executable = program(*_NAMES)
    # Chromium's sandbox does not start as root.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(
            executable_path=executable, args=[*_QUIET, *sandbox]
        )
        try:
            yield running
        finally:
            await running.close()


@pytest.fixture
def witness() -> Witness:
    """Record the browser's error messages and the addresses that it requests."""
    return Witness()


@pytest.fixture
async def docs(browser: Browser, server: LiveServer, witness: Witness) -> AsyncIterator[DocsPage]:
    """Open the documentation page in a separate profile, and watch it."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(10_000)
    page = await context.new_page()
    await witness.watch(page)
    docs = DocsPage(page)
    await docs.open(f"{server.base_url}/docs")
    yield docs
    await context.close()
