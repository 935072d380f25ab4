"""Run the tests of production, and write the result into its page: `python -m tests.production`."""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from app.openapi import read
from tests.blocks import write_block
from tests.support.folders import ROOT

PAGE = ROOT / "docs" / "explanation" / "production.md"
FOLDERS = ("tests/production", "tests/deploy", "tests/server/metrics/test_prometheus.py")
PROGRAMS = {"podman": "podman", "runc": "runc", "systemd": "systemctl", "Prometheus": "prometheus"}
"""The parts whose version the page names, and the program of each that prints it."""


class Report:
    """A plugin of pytest that collects the result of each test."""

    def __init__(self) -> None:
        self.results: dict[str, str] = {}
        """What happened, by the id of the test."""
        self.seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record a phase of a test: its fixtures, the test itself, and its end."""
        seconds = self.seconds.get(report.nodeid, 0) + report.duration
        self.seconds[report.nodeid] = seconds
        if report.failed:
            self.results[report.nodeid] = "**failed**"
        elif report.skipped and isinstance(report.longrepr, tuple):
            self.results[report.nodeid] = f"not run: {report.longrepr[2].removeprefix('Skipped: ')}"
        else:
            self.results.setdefault(report.nodeid, "passed")

    def lines(self) -> Iterator[str]:
        """Yield the text of the page."""
        passed = sum(result == "passed" for result in self.results.values())
        yield f"Taskward {read().version}, {datetime.now(UTC):%d %B %Y}: {passed} of "
        yield f"{len(self.results)} checks passed.\n\n"
        yield f"{', '.join(_versions())}.\n\n"
        yield "| area | check | result | seconds |\n|---|---|---|---|\n"
        for test in sorted(self.results):
            module, _, name = test.partition("::")
            area = module.removeprefix("tests/").removesuffix(".py").replace("test_", "")
            check = re.sub(r"\[(.+)\]", r" (\1)", name.removeprefix("test_").replace("_", " "))
            result = f"{self.results[test]} | {self.seconds[test]:.1f}"
            yield f"| {area} | {check} | {result} |\n"


def _versions() -> Iterator[str]:
    yield platform.freedesktop_os_release()["PRETTY_NAME"]
    yield f"Linux {'.'.join(platform.release().split('.')[:2])}"
    yield f"Python {platform.python_version()}"
    for name, program in PROGRAMS.items():
        if path := shutil.which(program):
            said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
            version = re.search(r"\d+(\.\d+)*", said.stdout + said.stderr)
            yield f"{name} {version[0] if version else 'unknown'}"


def main() -> int:
    """Run all of them. Return the status of pytest."""
    os.environ["TASKWARD_PRODUCTION"] = "1"
    report = Report()
    status = pytest.main(["-p", "no:randomly", *FOLDERS, *sys.argv[1:]], plugins=[report])
    if not sys.argv[1:]:
        write_block(PAGE, "production", "".join(report.lines()))
    return status


if __name__ == "__main__":
    sys.exit(main())
