"""Fixtures: real proxies with TLS and HTTP/2, and clients that go through them."""

import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.proxies.configurations import PROXIES, Mount, Place
from tests.support.certificates import Authority
from tests.support.folders import world_readable_tmp
from tests.support.ports import free_port, wait_until_listening
from tests.support.tokens import bearer

TIMEOUT_SECONDS = 30


class Proxy:
    """A running proxy."""

    def __init__(self, name: str, port: int, authority: Path) -> None:
        self.name = name
        self.base_url = f"https://localhost:{port}"
        self._trusted = ssl.create_default_context(cafile=str(authority))

    def client(self, user: str, **headers: str) -> httpx.Client:
        """Return a client of a user that speaks HTTP/2 and accepts gzip."""
        return httpx.Client(
            base_url=self.base_url,
            headers={**bearer(user), "Accept-Encoding": "gzip", **headers},
            http2=True,
            verify=self._trusted,
            timeout=TIMEOUT_SECONDS,
        )


@contextmanager
def proxy(
    name: str, servers: list[int], mount: Mount = "root", *, retries: bool = True
) -> Iterator[Proxy]:
    """Run a proxy. If it is not installed, skip the test, but not in CI."""
    with world_readable_tmp() as folder:
        authority = Authority(folder, "authority")
        certificate, key = (folder / f"tasks.example.com.{each}" for each in ("crt", "key"))
        authority.issue("localhost", certificate, key)
        whole = certificate.read_text() + key.read_text()
        (folder / "tasks.example.com.pem").write_text(whole)
        place = Place(folder, free_port(), servers, retries)
        command = PROXIES[name](place, mount)
        environment = os.environ | {"HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            wait_until_listening(place.port, process)
            yield Proxy(name, place.port, authority.path)
        finally:
            process.terminate()
            process.wait(20)
            sys.stdout.write((folder / "log").read_text()[-4000:])


@pytest.fixture(params=PROXIES)
def name(request: pytest.FixtureRequest) -> str:
    """The name of a proxy."""
    return str(request.param)
