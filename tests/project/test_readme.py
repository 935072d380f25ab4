"""The commands and claims of README and CONTRIBUTING are true."""

import json
import re
import subprocess
import sys

import pytest

from app.settings import Settings
from tests.blocks import read_block
from tests.support.folders import ROOT
from tests.support.taskward import Taskward

README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
EXPLANATION = ROOT / "docs" / "explanation"
MAX_BYTES = 8000
TARGETS = sorted({*re.findall(r"(?m)(?:^|`)make ([\w-]+)", README + CONTRIBUTING)})
BLOCKS = re.findall(r"(?ms)^```sh\n(.*?)^```$", README)


def test_the_commands_of_the_readme_work_on_the_dev_server(
    development: Taskward,
) -> None:
    (block,) = (block for block in BLOCKS if "app token ada" in block)
    server = development.serve("dev")
    script = block.replace("http://127.0.0.1:8000", development.base_url)
    script = script.replace(".venv/bin/python", sys.executable)
    script = f"export DATA_DIR={development.data_dir}\n{script}"
    said = subprocess.check_output(["/bin/sh", "-euc", script], cwd=ROOT, text=True)
    development.stop(server)
    assert json.loads(said)["title"] == "Renew the passport"


@pytest.mark.parametrize("target", TARGETS)
def test_a_make_target_of_the_readme_exists(target: str) -> None:
    shown = subprocess.run(
        ["/usr/bin/make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert f"make {target} " in shown.stdout


@pytest.mark.parametrize("page", ["README.md", "docs/reference/api.md"])
def test_a_page_names_every_operation(page: str) -> None:
    contract = (ROOT / "openapi.yaml").read_text()
    operations = set(re.findall(r"operationId: (\w+)\n      tags", contract))
    assert operations - set(re.findall(r"`(\w+)`", (ROOT / page).read_text())) == set()


def test_the_readme_is_short() -> None:
    assert len(README.encode()) < MAX_BYTES


def test_the_settings_of_the_readme_exist() -> None:
    named = re.findall(r"(?m)^\| `([A-Z_]+)` \|", README)
    assert named
    assert {name.lower() for name in named} <= set(Settings.model_fields)


def test_the_figures_of_the_readme_are_those_of_the_pages() -> None:
    kinds = read_block(EXPLANATION / "reliability.md", "faults").count("\n| **")
    assert f"{kinds} kinds of faults" in README
    measured = read_block(EXPLANATION / "performance.md", "bench")
    cells = [line.split(" | ") for line in measured.splitlines() if line.startswith("| ")]
    ratios = {(each[1], each[0]): float(each[7].split()[0]) for each in cells if "(" in each[7]}
    assert "more than twice as many requests per second" in README
    assert min(ratio for (peer, _), ratio in ratios.items() if peer == "FastAPI") > 2
    assert max(ratio for (peer, _), ratio in ratios.items() if "Fastify" in peer) < 1


def test_ci_runs_the_commands_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert "make check" in script
    assert "make test" in script
