"""A Python client generated from the contract is strictly typed, and works."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.live_server import LiveServer
from tests.support.tokens import token_for

SCENARIO = Path(__file__).parent / "python" / "scenario.py"
CONTRACT = Path(__file__).parents[2] / "openapi.yaml"
MYPY = """
[mypy]
strict = true
[mypy-taskward_client.client]
# The same in every client that this generator makes: *args that are handed on.
disable_error_code = arg-type
"""
MISTAKES = {
    "a member that there is not": ("response.parsed.revision", "response.parsed.version"),
    "a required member that is missing": ('TaskInput(title="once")', "TaskInput()"),
    "a choice that there is not": ("TaskSort.CREATED_AT", "TaskSort.TITLE"),
    "a code that there is not": ("ProblemCode.PRECONDITION_FAILED", "ProblemCode.CONFLICT"),
    "null taken for a text": ("task.title for task", "task.description.lower() for task"),
}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generate the package `taskward_client`, and return its folder."""
    folder = tmp_path_factory.mktemp("client")
    programs = str(Path(sys.executable).parent)
    run = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate"),
            *("--path", str(CONTRACT), "--output-path", "taskward_client", "--meta", "none"),
            "--fail-on-warning",
        ],
        cwd=folder,
        # The generator formats its output with the ruff on the PATH.
        env=os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    (folder / "mypy.ini").write_text(MYPY)
    return folder


def check(generated: Path, *scenarios: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", *map(str, scenarios)],
        cwd=generated,
        env=os.environ | {"MYPYPATH": str(generated)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_client_is_typed_and_stays_in_step(
    generated: Path, server: LiveServer, user: str
) -> None:
    checked = check(generated, SCENARIO)
    assert checked.returncode == 0, checked.stdout
    environment = {"BASE_URL": server.base_url, "TOKEN": token_for(user)}
    finished = subprocess.run(
        [sys.executable, str(SCENARIO)],
        env=os.environ | environment | {"PYTHONPATH": str(generated)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == "in step with 4 tasks\n"


def test_every_mistake_is_found(generated: Path, tmp_path: Path) -> None:
    scenario, files = SCENARIO.read_text(), {}
    for number, (mistake, (right, wrong)) in enumerate(MISTAKES.items()):
        assert right in scenario
        files[mistake] = tmp_path / f"mistake_{number}.py"
        files[mistake].write_text(scenario.replace(right, wrong))
    # Check all of them at once, because mypy takes seconds to start.
    checked = check(generated, *files.values())
    assert checked.returncode == 1
    assert [mistake for mistake, path in files.items() if path.name not in checked.stdout] == []
