"""The tutorial docs/tutorials/better-auth.md, run as printed."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.issuer.better_auth import FOLDER
from tests.support.node_packages import find
from tests.support.ports import free_port, wait_until_listening
from tests.support.taskward import Taskward
from tests.support.tokens import SECRET

TUTORIAL = (FOLDER.parents[1] / "docs" / "tutorials" / "better-auth.md").read_text()
SCRIPTS = re.findall(r"(?ms)^```js\n(.*?)^```$", TUTORIAL)
SETTINGS, SIGN_UP = re.findall(r"(?ms)^```sh\n(.*?)^```$", TUTORIAL)[1:]
ISSUER = "127.0.0.1:3000"


@contextmanager
def issuer(folder: Path, port: int) -> Iterator[None]:
    """Write the two files of the tutorial, with another port."""
    (folder / "node_modules").symlink_to(FOLDER / "node_modules")
    for name, script in zip(("auth.mjs", "server.mjs"), SCRIPTS, strict=True):
        (folder / name).write_text(script.replace("3000", str(port)))
    environment = {
        "PATH": os.environ["PATH"],
        "BETTER_AUTH_URL": f"http://127.0.0.1:{port}",
        "BETTER_AUTH_SECRET": SECRET,
    }
    process = subprocess.Popen([find("node"), "server.mjs"], cwd=folder, env=environment)
    try:
        wait_until_listening(port, process)
        yield
    finally:
        process.kill()
        process.wait()


@pytest.mark.usefixtures("better_auth")
def test_the_tutorial_works_as_it_is_printed(development: Taskward, tmp_path: Path) -> None:
    port = free_port()
    here = f"127.0.0.1:{port}"
    with issuer(tmp_path, port):
        exported = dict(re.findall(r"(\w+)=(\S+)", SETTINGS.replace(ISSUER, here)))
        server = development.serve("dev", **exported)
        script = SIGN_UP.replace(ISSUER, here).replace(
            "http://127.0.0.1:8000", development.base_url
        )
        said = subprocess.check_output(["/bin/sh", "-euc", script], text=True)
        development.stop(server)
    assert json.loads(said)["title"] == "Renew the passport"
