"""The systemd units are valid, and give Taskward few rights. `tests/production` runs them."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from app.server.http.connections import MAX_CONNECTIONS, RESERVED_DESCRIPTORS
from tests.support.folders import ROOT
from tests.support.programs import program

DEPLOY = ROOT / "deploy"
PROGRAM = "/opt/taskward/.venv/bin/taskward"
MOST_EXPOSED = 15
"""The limit of `systemd-analyze security`, in tenths. 100 is a service that may do everything."""


def run(*command: str | Path) -> tuple[int, str]:
    finished = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return finished.returncode, finished.stdout


def test_the_units_say_nothing_wrong(tmp_path: Path) -> None:
    for name in ("taskward.service", "taskward.socket"):
        unit = (DEPLOY / name).read_text()
        (tmp_path / name).write_text(unit.replace(PROGRAM, sys.executable))
    units = tmp_path / "taskward.service", tmp_path / "taskward.socket"
    assert run(program("systemd-analyze"), "verify", "--man=no", *units) == (0, "")


def test_the_service_may_do_little() -> None:
    unit = DEPLOY / "taskward.service"
    limit = f"--threshold={MOST_EXPOSED}"
    analyze = program("systemd-analyze")
    status, said = run(analyze, "security", "--offline=true", "--no-pager", limit, unit)
    assert status == 0, said


def test_a_start_that_fails_is_tried_again_however_often() -> None:
    # While the database is down, systemd would otherwise give up after five starts in ten seconds.
    unit = (DEPLOY / "taskward.service").read_text().splitlines()
    assert {"Restart=always", "StartLimitIntervalSec=0"} < set(unit)


def test_the_service_has_the_limits_that_the_page_computes() -> None:
    unit = dict(re.findall(r"(?m)^(\w+)=(\w+)$", (DEPLOY / "taskward.service").read_text()))
    processes = 4 + 2
    assert unit["MemoryHigh"] == f"{processes * 400}M"
    assert unit["MemoryMax"] == f"{processes * 500}M"
    assert unit["TasksMax"] == f"{processes * 64}"
    assert int(unit["LimitNOFILE"]) > MAX_CONNECTIONS + RESERVED_DESCRIPTORS


def test_a_reload_during_the_import_does_not_end_the_service(tmp_path: Path) -> None:
    unit = (DEPLOY / "taskward.service").read_text()
    (start,) = re.findall(r"(?m)^ExecStart=(.+)$", unit)
    command = start.replace(PROGRAM, f"{sys.executable} -m app").split()
    environment = {"PYTHONPATH": str(ROOT)}
    starting = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    )
    while "python" not in psutil.Process(starting.pid).name():
        assert starting.poll() is None
    starting.send_signal(signal.SIGHUP)
    _, said = starting.communicate(timeout=30)
    assert starting.returncode == 1
    assert "there is no key to verify tokens" in said
