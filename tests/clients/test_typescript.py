"""A TypeScript client, generated from the contract, compiles strictly and does what it should."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.live_server import LiveServer
from tests.node_packages import find, installed_or_skipped
from tests.tokens import token_for

FOLDER = Path(__file__).with_name("typescript")
CONTRACT = Path(__file__).parents[2] / "openapi.yaml"
MISTAKES = {
    "a member that there is not": ("task.title", "task.titel"),
    "a required member that is missing": ('body: { title: "once" }', "body: {}"),
    "a path that there is not": ('"/api/tasks/changes"', '"/api/tasks/change"'),
    "a choice that there is not": ('sort: "created_at"', 'sort: "title"'),
    "a code that there is not": ('"precondition_failed"', '"conflict"'),
    "null taken for a text": ("task.title)", "task.description.trim())"),
}


def run(*command: str | Path, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def programs() -> Path:
    return installed_or_skipped(FOLDER)


@pytest.fixture
def project(programs: Path, tmp_path: Path) -> Path:
    """A folder with the generated types beside the scenario."""
    for name in ("package.json", "tsconfig.json", "scenario.ts"):
        shutil.copy(FOLDER / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(FOLDER / "node_modules")
    generated = run(programs / "openapi-typescript", CONTRACT, "-o", "schema.d.ts", folder=tmp_path)
    assert generated.returncode == 0, generated.stderr
    return tmp_path


def test_the_client_compiles_and_stays_in_step(
    programs: Path, project: Path, server: LiveServer, user: str
) -> None:
    compiled = run(programs / "tsc", folder=project)
    assert compiled.returncode == 0, compiled.stdout
    node = find("node")
    environment = {"BASE_URL": server.base_url, "TOKEN": token_for(user)}
    finished = run(node, "scenario.js", folder=project, **environment)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == "in step with 4 tasks\n"


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_does_not_compile(programs: Path, project: Path, mistake: str) -> None:
    scenario = project / "scenario.ts"
    right, wrong = MISTAKES[mistake]
    assert right in scenario.read_text()
    scenario.write_text(scenario.read_text().replace(right, wrong))
    compiled = run(programs / "tsc", folder=project)
    assert compiled.returncode != 0
    assert "error TS" in compiled.stdout
