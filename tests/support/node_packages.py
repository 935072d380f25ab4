"""Packages of npm that tests need: those of a folder's package-lock.json, each with its hash.

`python -m tests.support.node_packages FOLDER` installs those of a folder.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

import pytest

_NPM_CI = ("ci", "--ignore-scripts", "--engine-strict", "--no-audit", "--no-fund")


class MissingError(Exception):
    """Something that the packages need is not on this machine."""


def find(program: str) -> str:
    """Where `program` is; a `MissingError` if it is nowhere."""
    path = shutil.which(program)
    if path is None:
        raise MissingError(f"there is no {program} on the PATH")
    return path


def install(folder: Path) -> Path:
    """Install what is locked, unless it is installed; answer the folder of the programs.

    Of several at once, the first does it. Raises `MissingError` where it cannot be had.
    """
    npm, modules = find("npm"), folder / "node_modules"
    installed = modules / ".package-lock.sha256"
    with (folder / "package-lock.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = sha256(lock.read()).hexdigest()
        if not installed.exists() or installed.read_text() != wanted:
            installed.unlink(missing_ok=True)
            finished = subprocess.run(
                [npm, *_NPM_CI], cwd=folder, capture_output=True, text=True, check=False
            )
            if finished.returncode:
                raise MissingError(f"npm ci failed:\n{finished.stderr}")
            installed.write_text(wanted)
    return modules / ".bin"


def installed_or_skipped(folder: Path) -> Path:
    """What `install` answers; skipped where there is no Node.js or no registry, but not in CI."""
    find_or_skipped("node")
    try:
        return install(folder)
    except MissingError as missing:
        _skip(missing)


def find_or_skipped(program: str) -> str:
    """Where `program` is; skipped where it is nowhere, but not in CI."""
    try:
        return find(program)
    except MissingError as missing:
        _skip(missing)


def _skip(missing: MissingError) -> NoReturn:
    refuse = pytest.fail if os.environ.get("CI") else pytest.skip
    refuse(str(missing))


if __name__ == "__main__":
    try:
        install(Path(sys.argv[1]))
    except MissingError as missing:
        sys.exit(str(missing))
