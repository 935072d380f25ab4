"""The wheel contains all that the program needs, and works in the folder of another program."""

import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.database.driver.url import DatabaseUrl
from app.tasks.wall import WALL
from quart_contract.document import Document
from tests.support.clients import get
from tests.support.folders import ROOT, world_readable_tmp
from tests.support.installed import install
from tests.support.taskward import Taskward, bare_environment, reload_workers
from tests.support.tokens import SECRET


@pytest.fixture(scope="module")
def programs() -> Iterator[Path]:
    """The folder of the installed command; the wheel is two folders above."""
    with world_readable_tmp() as folder:
        yield install(folder)


def test_the_wheel_has_the_contract_pages_and_migrations(programs: Path) -> None:
    (wheel,) = programs.parents[1].glob("taskward-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert archive.read("taskward/openapi.yaml") == (ROOT / "openapi.yaml").read_bytes()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {
        "taskward",
        "quart_contract",
    }
    tracked = {
        f"taskward/{path.relative_to(ROOT / 'app')}"
        for path in (ROOT / "app").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert tracked <= names


@pytest.fixture
def installed(programs: Path, taskward: Taskward) -> Taskward:
    """The installed command, in a folder with programs that have the names of its packages."""
    for name in ("app", "taskward", "quart_contract"):
        (taskward.folder / name).mkdir()
        for path in (f"{name}.py", f"{name}/__init__.py", f"{name}/__main__.py"):
            (taskward.folder / path).write_text("raise SystemExit('this is another program')")
    taskward.program = (str(programs / "taskward"),)
    return taskward


def run(installed: Taskward, *arguments: str, **settings: str) -> tuple[int, str, str]:
    finished = subprocess.run(
        [*installed.program, *arguments],
        cwd=installed.folder,
        env=bare_environment() | {"COVERAGE_PROCESS_CONFIG": ""} | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    return finished.returncode, finished.stdout, finished.stderr


def test_the_command_works_beside_programs_of_its_name(
    installed: Taskward, empty_database: DatabaseUrl
) -> None:
    settings = {"DATABASE_URL": empty_database.text, "BETTER_AUTH_SECRET": SECRET}
    status, said, _ = run(installed, "doctor", **settings)
    assert (status, "Run taskward migrate" in said) == (1, True)
    assert run(installed, "migrate", **settings) == (
        0,
        f"The schema is at revision {WALL.head}.\n",
        "",
    )
    # Without PYTHONPATH, the workers find the package where it is installed.
    quiet = {"PYTHONPATH": "", "COVERAGE_PROCESS_CONFIG": "", "LOG_LEVEL": "warning"}
    server = installed.serve("serve", **settings, **quiet, WORKERS="2")
    reload_workers(server.pid)
    assert get(installed, "/health/ready").status_code == 200
    assert get(installed, "/docs").status_code == 200
    assert get(installed, "/openapi.yaml").content == (ROOT / "openapi.yaml").read_bytes()
    finished = installed.stop(server)
    assert (finished.status, finished.err) == (0, "")


def test_version_and_usage_are_those_of_the_command(
    taskward: Taskward, installed: Taskward, contract: Document
) -> None:
    in_checkout = taskward.run("--version")
    assert in_checkout.out.startswith(f"taskward {contract.version}\nPython 3.")
    assert run(installed, "--version") == in_checkout
    assert run(installed)[2].startswith("usage: taskward ")
