"""Install the npm packages that tests need: those in a folder's package-lock.json, with hashes.

`python -m tests.support.node_packages FOLDER` installs those of a folder.
"""

import fcntl
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from tests.support.programs import skip

_NPM_CI = ("ci", "--ignore-scripts", "--engine-strict", "--no-audit", "--no-fund")


class MissingError(Exception):
    """A program or package that the packages need is missing on this machine."""


def find(program: str) -> str:
    """Return the path of `program`. Raises `MissingError` if it is not installed."""
    path = shutil.which(program)
    if path is None:
        raise MissingError(f"there is no {program} on the PATH")
    return path


def install(folder: Path) -> Path:
    """Install the locked packages unless they are installed. Return the folder of the programs.

    Of several concurrent processes, the first one installs. Raises `MissingError` if the
    installation fails.
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
    """Return the result of `install`. Without Node.js or a registry, skip, but not in CI."""
    find_or_skipped("node")
    try:
        return install(folder)
    except MissingError as missing:
        skip(str(missing))


def find_or_skipped(program: str) -> str:
    """Return the path of `program`. If it is not installed, skip the test, but not in CI."""
    try:
        return find(program)
    except MissingError as missing:
        skip(str(missing))


if __name__ == "__main__":
    try:
        install(Path(sys.argv[1]))
    except MissingError as missing:
        sys.exit(str(missing))
