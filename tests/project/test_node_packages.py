"""Packages of npm are exact, each has its hash, and no lock says where one is from."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = [
    path
    for folder in ("tests", "bench")
    for path in (ROOT / folder).glob("**/package-lock.json")
    if "node_modules" not in path.parts
]


@pytest.mark.parametrize("path", LOCKS, ids=[path.parent.name for path in LOCKS])
def test_every_package_has_its_hash_and_no_address(path: Path) -> None:
    root, *packages = json.loads(path.read_text())["packages"].values()
    asked_for = root["dependencies"].values()
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in asked_for)
    assert (
        root["dependencies"]
        == json.loads((path.parent / "package.json").read_text())["dependencies"]
    )
    assert len(packages) >= len(asked_for)
    assert all(package["integrity"].startswith("sha512-") for package in packages)
    assert not any("resolved" in package for package in packages)


def test_there_are_packages_of_npm() -> None:
    assert len(LOCKS) > 1
