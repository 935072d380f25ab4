"""What Better Auth is made of: the packages of package-lock.json, each with its hash."""

import fcntl
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).parent
_LOCK = FOLDER / "package-lock.json"
_INSTALLED = FOLDER / "node_modules" / ".package-lock.sha256"
_NPM_CI = ("ci", "--ignore-scripts", "--engine-strict", "--no-audit", "--no-fund")


class MissingError(Exception):
    """Something that the issuer needs is not on this machine."""


def find(program: str) -> str:
    """Where `program` is; a `MissingError` if it is nowhere."""
    path = shutil.which(program)
    if path is None:
        raise MissingError(f"there is no {program} on the PATH")
    return path


def install() -> None:
    """Install what is locked, unless it is installed; of several at once, the first does it."""
    npm = find("npm")
    with _LOCK.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = sha256(lock.read()).hexdigest()
        if _INSTALLED.exists() and _INSTALLED.read_text() == wanted:
            return
        _INSTALLED.unlink(missing_ok=True)
        finished = subprocess.run(
            [npm, *_NPM_CI], cwd=FOLDER, capture_output=True, text=True, check=False
        )
        if finished.returncode:
            raise MissingError(f"npm ci failed:\n{finished.stderr}")
        _INSTALLED.write_text(wanted)
