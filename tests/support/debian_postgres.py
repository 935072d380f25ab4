"""A PostgreSQL of the machine's own packages. It has TLS, unlike the embedded one."""

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.database.driver.url import DatabaseUrl
from tests.support.certificates import Authority
from tests.support.folders import world_readable_tmp
from tests.support.ports import free_port
from tests.support.programs import program

PASSWORD = "password"
HOST = "localhost"
"""The name in the certificate. The server listens at 127.0.0.1, which is not that name."""
ROLES = ("either", "only_tls", "only_plain")
"""The logins and their authentication. The first is a superuser. All have `PASSWORD`."""

_ACCESS = """
hostssl   all only_tls   127.0.0.1/32 scram-sha-256
hostnossl all only_plain 127.0.0.1/32 scram-sha-256
host      all either     127.0.0.1/32 scram-sha-256
"""
_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
port = {port}
"""
_TLS = """
ssl = on
ssl_cert_file = 'server.pem'
ssl_key_file = 'server.key'
"""
_MORE_ROLES = "".join(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}';" for role in ROLES[1:])


def debian_binaries() -> Path:
    """Return the folder of PostgreSQL's programs. Without one, skip the test, but not in CI."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = found[-1] if found else program("initdb")
    return Path(initdb).resolve().parent


@contextmanager
def tls_server(authority: Authority) -> Iterator[int]:
    """Run a PostgreSQL with TLS and a certificate of `authority`. Yield its port."""
    binaries = debian_binaries()
    port = free_port()
    with world_readable_tmp() as folder:
        server = _Server(binaries, folder, port)
        server.initialise(authority)
        server.control("start", f"--log={folder}/log")
        try:
            url = f"postgresql://{ROLES[0]}:{PASSWORD}@127.0.0.1:{port}/postgres"
            server.run("psql", "--quiet", url, "--command", _MORE_ROLES)
            yield port
        finally:
            server.control("stop", "--mode=immediate")


@contextmanager
def plain_server(*, more: str = "", standby: bool = False) -> Iterator[DatabaseUrl]:
    """Start a PostgreSQL without TLS, and yield the URL of its superuser."""
    binaries = debian_binaries()
    with world_readable_tmp() as folder:
        server = _Server(binaries, folder, free_port())
        server.initialise_plainly(more)
        if standby:
            server.make_standby()
        server.control("start", f"--log={folder}/log")
        try:
            yield DatabaseUrl(
                f"postgresql://{ROLES[0]}:{PASSWORD}@127.0.0.1:{server.port}/postgres"
            )
        finally:
            server.control("stop", "--mode=immediate")


class _Server:
    def __init__(self, binaries: Path, folder: Path, port: int) -> None:
        self._binaries = binaries
        self._data = folder / "data"
        self.port = port
        self._options: dict[str, Any] = {}
        if os.geteuid() == 0:  # PostgreSQL refuses root
            account = pwd.getpwnam("postgres")
            os.chown(folder, account.pw_uid, account.pw_gid)
            own = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            self._options = own

    def initialise(self, authority: Authority) -> None:
        self._make_cluster()
        key = self._data / "server.key"
        authority.issue(HOST, self._data / "server.pem", key)
        key.chmod(0o600)
        if self._options:
            os.chown(key, self._options["user"], self._options["group"])
        (self._data / "pg_hba.conf").write_text(_ACCESS)
        self._configure(_SETTINGS + _TLS)

    def initialise_plainly(self, more: str) -> None:
        self._make_cluster()
        self._configure(_SETTINGS + more)

    def make_standby(self) -> None:
        # The server was not started yet: it has no primary, and is never promoted.
        (self._data / "standby.signal").touch()

    def _make_cluster(self) -> None:
        password = self._data.with_name("password")
        password.write_text(PASSWORD)
        self.run(
            "initdb",
            f"--pgdata={self._data}",
            f"--username={ROLES[0]}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--no-sync",
        )

    def _configure(self, settings: str) -> None:
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(settings.format(port=self.port))

    def control(self, *arguments: str) -> None:
        self.run("pg_ctl", f"--pgdata={self._data}", "--silent", "--wait", *arguments)

    def run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._binaries / program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
            cwd="/",
            **self._options,
        )
