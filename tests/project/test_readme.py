"""What the README says to type, works."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.conftest import Taskward
from tests.folders import open_folder

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"(?ms)^```sh\n(.*?)^```$", README)


def test_the_shell_commands_of_the_readme_work_on_the_development_server() -> None:
    (block,) = (block for block in BLOCKS if "app token ada" in block)
    with open_folder() as folder:
        taskward = Taskward(folder)
        try:
            server = taskward.serve("dev")
            script = block.replace("http://127.0.0.1:8000", taskward.base_url)
            script = script.replace(".venv/bin/python", sys.executable)
            script = f"export DATA_DIR={taskward.data_dir}\n{script}"
            finished = subprocess.run(
                ["/bin/sh", "-euc", script], cwd=ROOT, capture_output=True, text=True, check=True
            )
            taskward.stop(server)
        finally:
            taskward.end_all()
    created, listed = (json.loads(line) for line in finished.stdout.splitlines() if line)
    assert created["title"] == "Renew the passport"
    assert listed["items"] == [created]


@pytest.mark.parametrize("target", re.findall(r"(?m)^make (\w+)", "\n".join(BLOCKS)))
def test_a_make_target_of_the_readme_exists(target: str) -> None:
    shown = subprocess.run(
        ["/usr/bin/make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert f"make {target} " in shown.stdout


def test_the_api_table_names_every_operation() -> None:
    contract = (ROOT / "openapi.yaml").read_text()
    operations = set(re.findall(r"operationId: (\w+)\n      tags", contract))
    rows = "\n".join(line for line in README.splitlines() if line.startswith("| `"))
    assert operations <= set(re.findall(r"`(\w+)`", rows))


def test_ci_runs_the_commands_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert "make check" in script
    assert "make test" in script
