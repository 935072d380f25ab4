"""A TypeScript client generated from the contract compiles strictly, and works."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.live_server import LiveServer
from tests.support.node_packages import find, installed_or_skipped
from tests.support.tokens import token_for

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
    """Return a folder with the generated types and the scenario."""
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


def test_no_mistake_compiles(programs: Path, project: Path) -> None:
    scenario = (project / "scenario.ts").read_text()
    for mistake, (right, wrong) in MISTAKES.items():
        assert right in scenario
        (project / f"{mistake}.ts").write_text(scenario.replace(right, wrong))
    configuration = json.loads((project / "tsconfig.json").read_text())
    configuration["files"] = [f"{mistake}.ts" for mistake in MISTAKES]
    (project / "tsconfig.json").write_text(json.dumps(configuration))
    # Compile all of them at once, because the compiler takes seconds to start.
    compiled = run(programs / "tsc", folder=project)
    refused = re.findall(r"^(.+)\.ts\(\d+,\d+\): error TS", compiled.stdout, re.MULTILINE)
    assert set(refused) == set(MISTAKES)
