"""The compose file matches the schema of Compose, and sets only settings that Taskward has."""

import json
import re
import subprocess
from pathlib import Path

import yaml

from app.server.http.connections import MAX_CONNECTIONS, RESERVED_DESCRIPTORS
from app.settings import Settings
from tests.support.folders import ROOT
from tests.support.node_packages import installed_or_skipped

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"


def test_the_compose_linter_passes_and_finds_an_unknown_key(
    tmp_path: Path,
) -> None:
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(COMPOSE.read_text().replace("read_only: true", "readonly: true"))
    dclint = installed_or_skipped(Path(__file__).parent / "tools") / "dclint"
    finished = subprocess.run(
        [dclint, "--max-warnings=0", "--formatter=json", COMPOSE, wrong],
        stdout=subprocess.PIPE,
        check=False,
    )
    found = {each["filePath"]: each["messages"] for each in json.loads(finished.stdout)}
    assert found[str(COMPOSE)] == []
    assert "invalid-schema" in {each["rule"] for each in found[str(wrong)]}


def test_every_variable_is_a_setting_and_is_explained() -> None:
    listed = re.findall(r"(?m)^([A-Z_]+)=", (DEPLOY / "compose.env.example").read_text())
    settings = {name.upper() for name in Settings.model_fields}
    assert {*listed} - settings == {"POSTGRES_PASSWORD"}
    used = re.findall(r"\$\{(\w+)", COMPOSE.read_text())
    assert {*used} <= {*listed}
    taskward = yaml.safe_load(COMPOSE.read_text())["services"]["taskward"]
    assert taskward["environment"].keys() - {"PGPASSWORD"} <= settings
    assert not taskward["environment"].keys() & {*listed}


def test_a_read_only_container_has_a_tmpfs_for_metrics() -> None:
    taskward = yaml.safe_load(COMPOSE.read_text())["services"]["taskward"]
    assert (taskward["read_only"], taskward["tmpfs"]) == (True, ["/tmp"])  # noqa: S108 - of a container


def test_the_container_has_the_limits_that_the_page_computes() -> None:
    taskward = yaml.safe_load(COMPOSE.read_text())["services"]["taskward"]
    assert (taskward["mem_limit"], taskward["pids_limit"]) == (f"{3 * 400}m", 3 * 64)
    assert taskward["ulimits"]["nofile"] > MAX_CONNECTIONS + RESERVED_DESCRIPTORS
