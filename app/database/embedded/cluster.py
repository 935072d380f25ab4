"""Making a cluster: all of it, or nothing."""

import os
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Any

from app.database.embedded.errors import EmbeddedPostgresError, explained, failed
from app.database.embedded.place import MAJOR_VERSION, Place

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


def ensure_cluster(place: Place) -> str:
    """Make the cluster unless it is there; answer its password."""
    with explained(place.cluster):
        if not place.cluster.exists():
            _make(place)
        _check(place)
        return place.password_file.read_text()


def _make(place: Place) -> None:
    # Made under another name and then renamed: whatever ends this process in the middle, there
    # is no half a cluster under the right one.
    work = place.cluster.with_name("postgresql.new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    try:
        os.chown(work, place.account.uid, place.account.gid)
        password = secrets.token_urlsafe(24)
        _initialise(place, work, password)
        _write_private(place.password_file, password)
        (work / "cluster").rename(place.cluster)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _initialise(place: Place, work: Path, password: str) -> None:
    password_file = work / "password"
    _write_private(password_file, password)
    os.chown(password_file, place.account.uid, place.account.gid)
    cluster = str(work / "cluster")
    _run(place, "initdb", *_INITDB, f"--pwfile={password_file}", f"--pgdata={cluster}")
    # Single-user mode needs neither a port nor a password.
    _run(place, "postgres", "--single", "-D", cluster, "postgres", stdin=f"CREATE DATABASE {NAME}")


def _run(place: Place, program: str, *arguments: str, stdin: str = "") -> None:
    options: dict[str, Any] = place.account.options
    finished = subprocess.run(
        [place.binaries / program, *arguments],
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
        raise failed(f"making a database in {place.data_dir} ({program})", finished.stdout)


def environment() -> dict[str, str]:
    """The environment of PostgreSQL's programs: none of the caller's PG variables are in it."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _check(place: Place) -> None:
    version = (place.cluster / "PG_VERSION").read_text().strip()
    if version != str(MAJOR_VERSION):
        raise EmbeddedPostgresError(
            f"the database in {place.cluster} was made by PostgreSQL {version}, and this is "
            f"{MAJOR_VERSION}: move the folder away and start anew, or set DATA_DIR to another"
        )
    if not place.password_file.exists():
        raise EmbeddedPostgresError(
            f"{place.password_file} is gone, and with it the database's password: restore it, or "
            f"move {place.cluster} away and start anew"
        )


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
