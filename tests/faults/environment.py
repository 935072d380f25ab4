"""The environment of faults: a PostgreSQL, a database, and a server that is started only once."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import psutil
from psutil import CONN_LISTEN

from tests.faults.clients import KEYED, Client, Load
from tests.faults.ledger import Ledger
from tests.faults.postgres import Postgres, Session
from tests.faults.report import Row
from tests.support.taskward import QUIET, Taskward
from tests.support.tokens import token_for
from tests.support.waiting import wait_until

POOL_SIZE = 5
_STORED = """
SELECT id::text FROM tasks WHERE user_id = ANY ($1)
UNION ALL SELECT id || ' completed' FROM tasks WHERE user_id = ANY ($1) AND completed
"""
_TWICE = f"""
SELECT title FROM tasks WHERE user_id = ANY ($1) AND title LIKE '{KEYED} %'
GROUP BY title HAVING count(*) > 1
"""
_MISCOUNTED = """
SELECT id FROM users WHERE task_count <> (SELECT count(*) FROM tasks WHERE user_id = users.id)
"""
_OTHERS = """
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND backend_type = 'client backend'
"""


_IN_TRANSACTION = "idle in transaction%"
_SETTLED_SECONDS = 9
"""Less than the time limit of a transaction, which would hide one that leaked."""


class Size(NamedTuple):
    """The size of each fault; the defaults are the minimum."""

    kills: int = 10
    aborted: int = 5_000
    clients: int = 200
    rolls: int = 20
    posts: int = 20_000
    rounds: int = 8
    """How often connections are closed, and how many deadlocks there are."""
    windows: int = 2
    """How often honest clients are measured, with misbehaving ones and without."""
    window_seconds: float = 1.5
    abuse: int = 600
    """How many requests the abusing user sends in all windows together."""
    patience: float = 1.0
    """The factor by which bounds are relaxed if others use the machine, too."""


class FaultEnvironment(NamedTuple):
    """A server that goes through one fault after the other without a restart."""

    postgres: Postgres
    database: str
    base_url: str
    pid: int
    folder: Path

    @contextmanager
    def another(self, **settings: str) -> Iterator["FaultEnvironment"]:
        """Start a server with other settings, on a separate database."""
        with fault_environment(self.postgres, self.folder, **settings) as environment:
            yield environment

    def load(self, name: str, clients: int = 8) -> tuple[Load, list[str]]:
        """Return `(load, users)`: clients, each with a separate user."""
        users = [f"{name} {number} {uuid4()}" for number in range(clients)]
        return Load(self, [token_for(each) for each in users], name=name), users

    def client(self, user: str, ledger: Ledger, address: str = "127.0.0.1") -> Client:
        """Return a client of a user, at an address of this machine."""
        return Client(self, token_for(user), ledger, address)

    def row(self, fault: str, ledger: Ledger, users: Collection[str]) -> Row:
        """Compare the acknowledged changes with the stored rows of these users; return the row."""
        row = Row(fault, ledger, self.run(_STORED, [*users]))
        twice = len(self.run(_TWICE, [*users]))
        row.require(twice == 0, f"{twice} tasks were made twice under one key")
        miscounted = len(self.run(_MISCOUNTED))
        row.require(miscounted == 0, f"{miscounted} users have another number of tasks than told")
        return row

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session of the superuser in the database."""
        with self.postgres.session(self.database) as session:
            yield session

    def run(self, sql: str, *arguments: object) -> list[Any]:
        """Run a statement as the superuser; return the first column."""
        with self.session() as session:
            return session(sql, *arguments)

    @contextmanager
    def default(self, setting: str, *, keeping_connections: bool = False) -> Iterator[None]:
        """Set a default for all connections, which closes the existing ones.

        At the end they are closed again, unless connections made in between keep the setting.
        """
        self.run(f"ALTER DATABASE {self.database} SET {setting}")
        self.end_connections()
        try:
            yield
        finally:
            self.run(f"ALTER DATABASE {self.database} RESET ALL")
            if not keeping_connections:
                self.end_connections()

    def end_connections(self) -> int:
        """Close the connections to the database; return how many there were."""
        return len(self.run(f"SELECT pg_terminate_backend(pid, 5000) {_OTHERS}"))

    def connections(self, state: str = "%") -> int:
        """Return how many connections of the server are in a state."""
        return len(self.run(f"SELECT pid {_OTHERS} AND state LIKE $1", state))

    def require_clean(self, row: Row, pool_size: int = POOL_SIZE) -> None:
        """Require that nothing leaked: neither a transaction nor a connection."""
        # The server also finishes requests whose client has disconnected. Between two statements
        # of a transaction its connection is idle for a moment.
        busy = "active", _IN_TRANSACTION
        wait_until(lambda: not any(map(self.connections, busy)), _SETTLED_SECONDS)
        have, most = self.connections(), pool_size + 2  # of the login, and for signals
        row.require(have <= most, f"{have} connections to the database, and not {most} at most")
        row.note(f"connections to the database afterwards: {have}, none in a transaction")

    def megabytes(self) -> float:
        """Return the memory of the server in MB."""
        return float(psutil.Process(self.pid).memory_info().rss) / 1e6

    def clients(self) -> int:
        """Return how many connections of clients the server has."""
        port, held = urlsplit(self.base_url).port, psutil.Process(self.pid).net_connections("inet")
        return sum(1 for each in held if each.laddr[1] == port and each.status != CONN_LISTEN)


@contextmanager
def fault_environment(
    postgres: Postgres, folder: Path, **settings: str
) -> Iterator[FaultEnvironment]:
    """Create a database and run a server on it until the context ends."""
    database = f"faults_{uuid4().hex[:12]}"
    with postgres.session() as session:
        session(f"CREATE DATABASE {database}")
    taskward = Taskward(folder)
    taskward.log = folder / f"{database}.log"
    defaults = QUIET | {"RATE_LIMIT": "1000000/minute", "DATABASE_POOL_SIZE": str(POOL_SIZE)}
    url = postgres.url(database)
    process = taskward.serve("serve", **defaults | settings | {"DATABASE_URL": url})
    try:
        yield FaultEnvironment(postgres, database, taskward.base_url, process.pid, folder)
        taskward.stop(process)
    finally:
        taskward.end_all()
