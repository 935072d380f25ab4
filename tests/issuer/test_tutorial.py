"""The tutorial docs/tutorials/better-auth.md, run as printed."""

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.commands.conftest import Taskward
from tests.issuer.better_auth import FOLDER
from tests.support.folders import open_folder
from tests.support.node_packages import find
from tests.tokens import SECRET

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
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()


@pytest.mark.usefixtures("better_auth")
def test_the_tutorial_works_as_it_is_printed(tmp_path: Path, unused_tcp_port: int) -> None:
    here = f"127.0.0.1:{unused_tcp_port}"
    with open_folder() as folder, issuer(tmp_path, unused_tcp_port):
        taskward = Taskward(folder)
        try:
            exported = dict(re.findall(r"(\w+)=(\S+)", SETTINGS.replace(ISSUER, here)))
            server = taskward.serve("dev", **exported)
            script = SIGN_UP.replace(ISSUER, here).replace(
                "http://127.0.0.1:8000", taskward.base_url
            )
            finished = subprocess.run(
                ["/bin/sh", "-euc", script], capture_output=True, text=True, check=True
            )
            taskward.stop(server)
        finally:
            taskward.end_all()
    assert json.loads(finished.stdout)["title"] == "Renew the passport"
