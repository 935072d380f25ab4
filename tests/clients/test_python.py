"""A type checker finds mistakes in the use of a Python client."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

USES = Path(__file__).parent / "python" / "uses.py"
CONTRACT = Path(__file__).parents[2] / "openapi.yaml"
MYPY = """
[mypy]
strict = true
[mypy-taskward_client.client]
# The same in every client that this generator makes: *args that are handed on.
disable_error_code = arg-type
"""
MISTAKES = {
    "a member that does not exist": ("each.revision", "each.version"),
    "a required member that is missing": ('TaskInput(title="one")', "TaskInput()"),
    "a value that is not in the enumeration": ("TaskSort.CREATED_AT", "TaskSort.TITLE"),
    "a code that does not exist": ("ProblemCode.TASK_QUOTA_REACHED", "ProblemCode.CONFLICT"),
    "null as a string": ("title.strip()", "description.strip()"),
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


def test_only_mistakes_are_refused(generated: Path, tmp_path: Path) -> None:
    uses, files = USES.read_text(), {"no mistake": USES}
    for number, (mistake, (right, wrong)) in enumerate(MISTAKES.items()):
        assert right in uses
        files[mistake] = tmp_path / f"mistake_{number}.py"
        files[mistake].write_text(uses.replace(right, wrong))
    # Check all of them at once, because mypy takes seconds to start.
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", *map(str, files.values())],
        cwd=generated,
        env=os.environ | {"MYPYPATH": str(generated)},
        capture_output=True,
        text=True,
        check=False,
    )
    refused = {mistake for mistake, path in files.items() if path.name in checked.stdout}
    assert refused == set(MISTAKES), checked.stdout
