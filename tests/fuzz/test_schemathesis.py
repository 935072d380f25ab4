"""Schemathesis attacks the running server with valid and invalid requests."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.live.waiters import Waiters
from app.openapi import read
from quart_contract.operations import operations
from tests.conftest import REPORTED
from tests.support.folders import ROOT
from tests.support.live_server import LiveServer
from tests.support.tokens import token_for

OPERATIONS = len(operations(read()))
CASES = 2000
# Schemathesis cannot cause some statuses (a slow body, a full header section, a database that is
# down), and it never sends more values of `label` than are allowed. Other tests do.
COVERED = {"operations": 100, "parameters": 97, "keywords": 99, "responses": 35}


@pytest.fixture
def waiting_server(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> LiveServer:
    """A server whose waits take no time: Schemathesis would wait for changes for hours."""
    waiters = server.app.services.waiters
    monkeypatch.setattr(waiters, "waiter", lambda user, _: Waiters.waiter(waiters, user, 0.01))
    return server


def test_schemathesis_finds_nothing(
    waiting_server: LiveServer,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    users = tmp_path / "users.json"
    users.write_text(json.dumps({"auth": [signed_in(user) for user in ("ada", "bob")]}))
    run = subprocess.run(
        command(waiting_server, tmp_path),
        cwd=ROOT,
        env=environment(SCHEMATHESIS_USERS=str(users)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-5_000:]
    report = json.loads((tmp_path / "report.json").read_text())
    coverage = json.loads((tmp_path / "coverage.json").read_text())["summary"]
    assert_nothing_found(report)
    assert_everything_ran(report)
    percent = {name: coverage[name]["percent"] for name in COVERED}
    assert {name: value for name, value in percent.items() if value < COVERED[name]} == {}
    covered = ", ".join(f"{name} {value:.0f}%" for name, value in percent.items())
    record_property(REPORTED, f"Schemathesis: {report['test_cases']['generated']} cases; {covered}")


def signed_in(user: str) -> dict[str, Any]:
    """A user in the format of Web Fuzzing Commons, which Schemathesis reads."""
    token = token_for(f"schemathesis {user}")
    return {"name": user, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {token}"}]}


def environment(**added: str) -> dict[str, str]:
    # Measuring the coverage of Schemathesis itself would double its time.
    kept = {name: value for name, value in os.environ.items() if "COV" not in name}
    return kept | {"SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "PYTHONPATH": str(ROOT)} | added


def command(server: LiveServer, folder: Path) -> list[str]:
    config = ["--config-file", "tests/fuzz/schemathesis.toml"]
    target = ["openapi.yaml", "--url", server.base_url]
    report = ["--report-json-path", str(folder / "report.json"), "--report-dir", str(folder)]
    coverage = ["--coverage-format=json", f"--coverage-report-json-path={folder}/coverage.json"]
    return [sys.executable, "-m", "schemathesis.cli", *config, "run", *target, *report, *coverage]


def assert_nothing_found(report: dict[str, Any]) -> None:
    assert report["failures"] == []
    assert report["errors"] == []
    assert not any(report["warnings"].values())
    assert report["stop_reason"] == "completed"


def assert_everything_ran(report: dict[str, Any]) -> None:
    phases = {name: phase["status"] for name, phase in report["phases"].items()}
    assert phases == dict.fromkeys(("examples", "coverage", "fuzzing", "stateful"), "success")
    assert report["operations"]["tested"] == OPERATIONS
    assert report["operations"]["total"] == OPERATIONS
    assert report["test_cases"]["generated"] >= CASES
