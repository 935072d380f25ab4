"""Creation of a cluster: a complete one, or none."""

import os
import secrets
import subprocess
from typing import Any

from .errors import EmbeddedPostgresError, convert_os_errors, program_error
from .folder import Folder, open_data_folder
from .location import MAJOR_VERSION, ClusterLocation, find_cluster

NAME = "taskward"
"""The name of the database, and of its only user."""

_INITDB = (
    f"--username={NAME}",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
)


PASSWORD = "postgresql.password"  # noqa: S105 - the name of a file
"""The file in the data folder with the password of that user."""

_WORK = "postgresql.new"


def ensure_cluster(location: ClusterLocation) -> str:
    """Create the cluster if it is missing; return its password."""
    with convert_os_errors(location.cluster):
        if find_cluster(location.folder) is None:
            _make(location)
        return _checked(location)


def _make(location: ClusterLocation) -> None:
    # Create the cluster under another name and rename it. If this process is killed in between, no
    # incomplete cluster has the final name.
    parent = open_data_folder(location.cluster.parent)
    parent.remove_folder(_WORK)
    work = parent.make_folder(_WORK)
    try:
        password = secrets.token_urlsafe(24)
        _initialise(location, work, password)
        location.folder.write(PASSWORD, password)
        os.rename(
            "cluster",
            location.cluster.name,
            src_dir_fd=work.descriptor,
            dst_dir_fd=parent.descriptor,
        )
    finally:
        parent.remove_folder(_WORK)


def _initialise(location: ClusterLocation, work: Folder, password: str) -> None:
    account = location.account
    work.write("password", password)
    descriptor = work.open("password", os.O_RDONLY)
    os.fchown(descriptor, account.uid, account.gid)
    os.close(descriptor)
    # From here on, the folder can belong to another account than Taskward's.
    os.fchown(work.descriptor, account.uid, account.gid)
    cluster = str(work.path / "cluster")
    password_file = work.path / "password"
    _run(location, "initdb", *_INITDB, f"--pwfile={password_file}", f"--pgdata={cluster}")
    # Single-user mode needs neither a socket nor a password.
    _run(
        location, "postgres", "--single", "-D", cluster, "postgres", stdin=f"CREATE DATABASE {NAME}"
    )


def _run(location: ClusterLocation, program: str, *arguments: str, stdin: str = "") -> None:
    options: dict[str, Any] = location.account.options
    finished = subprocess.run(
        [location.binaries / program, *arguments],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd="/",
        env=environment(),
        umask=0o077,
        start_new_session=True,
        **options,
    )
    if finished.returncode != 0 or "FATAL" in finished.stdout:
        raise program_error(
            f"creating a database in {location.folder.path} ({program})", finished.stdout
        )


def environment() -> dict[str, str]:
    """Return the environment of PostgreSQL's programs, without the caller's PG variables."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _checked(location: ClusterLocation) -> str:
    cluster = find_cluster(location.folder)
    version = ((cluster and cluster.read("PG_VERSION")) or "unknown").strip()
    if version != str(MAJOR_VERSION):
        raise EmbeddedPostgresError(
            f"DATA_DIR: the database in {location.cluster} belongs to PostgreSQL {version}, not to "
            f"{MAJOR_VERSION}. Move this folder away, or set DATA_DIR to another folder."
        )
    password = location.folder.read(PASSWORD)
    if password is None:
        raise EmbeddedPostgresError(
            f"DATA_DIR: the file {location.folder.path / PASSWORD} with the database's password is "
            f"missing. Restore it, or move {location.cluster} away."
        )
    return password
