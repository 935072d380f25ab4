"""A real PgBouncer, as installed on the machine."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.database.driver.url import DatabaseUrl
from tests.support.addresses import address_of, moved
from tests.support.folders import world_readable_tmp
from tests.support.ports import free_port, wait_until_listening
from tests.support.programs import program

CONFIGURATION = """
[databases]
pooled = host={host} port={port} dbname={database} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = plain
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = {size}
{more}
"""


@contextmanager
def pgbouncer(
    url: DatabaseUrl, *, mode: str = "transaction", size: int = 1, more: str = ""
) -> Iterator[DatabaseUrl]:
    """Run a PgBouncer with `size` server connections. If it is not installed, skip, but not in CI.

    Yield the URL of the same database through it.
    """
    executable = program("pgbouncer")
    server, address = url.for_sqlalchemy, address_of(url)
    with world_readable_tmp() as folder:
        port = free_port()
        (folder / "users").write_text(f'"{server.username}" "{server.password}"\n')
        (folder / "pgbouncer.ini").write_text(
            CONFIGURATION.format(
                host=address.host,
                port=address.port,
                database=server.database,
                user=server.username,
                listen_port=port,
                folder=folder,
                mode=mode,
                size=size,
                more=more,
            )
        )
        # PgBouncer refuses root, like PostgreSQL. Only its owner may enter the socket's folder.
        owner = Path(address.host).owner() if address.socket else "nobody"
        account = ["--user", owner] if os.geteuid() == 0 else []
        process = subprocess.Popen([executable, "--quiet", *account, str(folder / "pgbouncer.ini")])
        try:
            wait_until_listening(port, process)
            pooled = moved(url, "127.0.0.1", port).set(database="pooled")
            yield DatabaseUrl(pooled.render_as_string(hide_password=False))
        finally:
            process.terminate()
            process.wait(10)
