"""The contract is found in the wheel, and the locks contain the right packages only."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.folders import ROOT


def test_the_contract_in_the_wheel_is_the_one_that_is_read(tmp_path: Path) -> None:
    installed = tmp_path / "app"
    installed.mkdir()
    (installed / "__init__.py").touch()
    (installed / "openapi.yaml").write_text("paths: {}\ninfo: {version: from-the-wheel}")
    (installed / "openapi.py").write_text((ROOT / "app/openapi.py").read_text())
    script = "from app.openapi import read; print(read().version)"
    finished = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout == "from-the-wheel\n"


def test_every_locked_package_has_hashes_and_no_lock_has_a_url() -> None:
    for of in ("", "-otel", "-dev", "-bench"):
        text = (ROOT / f"requirements{of}.txt").read_text()
        packages = re.split(r"(?m)^(?=[a-z0-9])", text)[1:]
        assert len(packages) > 20
        assert all("--hash=sha256:" in package for package in packages)
        assert "://" not in text


@pytest.mark.parametrize(
    ("begin", "end", "lock"),
    [
        ("dependencies = [", "[project.optional-dependencies]", "requirements.txt"),
        ("[project.optional-dependencies]", "[dependency-groups]", "requirements-otel.txt"),
    ],
)
def test_every_dependency_is_locked_and_has_its_reason(begin: str, end: str, lock: str) -> None:
    project = (ROOT / "pyproject.toml").read_text()
    block = project[project.index(begin) : project.index(end)]
    lines = re.findall(r'(?m)^    "([A-Za-z0-9-]+).*", +# (.+)$', block)
    assert len(lines) == block.count('\n    "') > 0
    locked = (ROOT / lock).read_text().lower()
    for name, reason in lines:
        assert f"\n{name.lower()}==" in locked
        assert reason


def test_the_lock_files_contain_one_another() -> None:
    plain, traced, tested = (
        {*re.split(r"(?m)^(?=[a-z0-9])", (ROOT / f"requirements{of}.txt").read_text())[1:]}
        for of in ("", "-otel", "-dev")
    )
    assert plain < traced < tested
