"""The pool of connections that run users' statements."""

import asyncio
import errno
import os
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

import asyncpg

from ..wall.citus import layout_of
from ..wall.layout import Layout
from ..wall.policies import LOCAL_SETTINGS, LOCK_WAIT_MS, ROLE
from ..wall.tables import Wall
from .connection import DriverConnection, reset_after_error
from .errors import DatabaseUnavailableError, is_lost, is_read_only
from .limits import LIMIT_MS, set_limit
from .url import DatabaseUrl

T = TypeVar("T")

TIMEOUT_SECONDS = 10
TIMEOUTS = {"timeout": TIMEOUT_SECONDS, "command_timeout": TIMEOUT_SECONDS}
"""How many seconds the driver waits for a connection, and for the result of a command."""
# A close sent by the server is noticed without a ping; a silent drop by a router is not.
PING_AFTER_SECONDS = 30
"""Idle seconds after which a connection is pinged before use."""
PING_SECONDS = 2
"""How many seconds a ping may take."""
CLOSE_SECONDS = 2
"""How many seconds a connection may take to close."""

SETTINGS = {
    "role": ROLE,
    "lock_timeout": str(LOCK_WAIT_MS),
    # The statements rely on this level, so a different default of the database must not apply.
    "default_transaction_isolation": "read committed",
    # The default. If it were 0, a policy would cost as little as the condition that names the
    # owner, and PostgreSQL could evaluate it first.
    "cpu_operator_cost": "0.0025",
    **LOCAL_SETTINGS,
}
"""Settings of each connection from its start, unless there is a pooler."""
_IF_POOLER = "if DATABASE_URL points to a pooler, set DATABASE_POOLER=transaction"
_NO_ROLE = f"connections do not keep the role {ROLE}; {_IF_POOLER}"
_ABOUT = f"SELECT current_user, {LIMIT_MS}"
# Without the role, the connection can be a pooler's: then it would limit the pooler's next client.
_LIMIT = f"CASE current_user WHEN '{ROLE}' THEN {set_limit(local=False)} END"
_DISTRIBUTED_SINCE = "the tables were distributed after this process started; restart it"


class PoolUsage(NamedTuple):
    """The size of the pool, the connections in use, and the requests that wait for one."""

    size: int
    in_use: int
    waiting: int


class Traits(NamedTuple):
    """What each new connection reads: the layout of the tables, and the statement limit.

    The limit is below `STATEMENT_MS` if an operator has set a lower one.
    """

    layout: Layout
    limit_ms: int


class UserPool:
    """At most `size` connections; each is opened when it is first needed.

    Connections start with the role of users. Behind a pooler that is impossible, because each
    transaction may get a different server connection: there, every transaction sets the role
    itself. The pools of asyncpg and SQLAlchemy are not used, because their overhead per statement
    is as large as the statement.
    """

    def __init__(
        self,
        url: DatabaseUrl,
        wall: Wall,
        size: int,
        *,
        pooler: bool,
        connection_class: type[DriverConnection] = DriverConnection,
    ) -> None:
        self._arguments = {**TIMEOUTS, **url.for_driver, "connection_class": connection_class}
        if pooler:
            self._arguments["statement_cache_size"] = 0
        else:
            self._arguments["server_settings"] = {
                **self._arguments.get("server_settings", {}),
                **SETTINGS,
            }
        self._wall = wall
        self._begins_with_role = not pooler
        # Set by the first connection; None until then.
        self.traits: Traits | None = None
        self._size = size
        self._slots = asyncio.Semaphore(size)
        # Pairs `(connection, time of its last use)`; the last one is taken next.
        self._idle: list[tuple[DriverConnection, float]] = []
        self._in_use = self._waiting = 0
        # True once `close` was called; connections given back are then closed, too.
        self._is_closed = False

    @property
    def usage(self) -> PoolUsage:
        """Return how much of the pool is in use."""
        return PoolUsage(self._size, self._in_use, self._waiting)

    async def begin(
        self, command: Callable[[asyncpg.Connection], Awaitable[T]], *, repeatable: bool
    ) -> tuple[asyncpg.Connection, T]:
        """Take a connection and run a first command on it; return `(connection, result)`.

        If the connection turns out to be lost, a `repeatable` command runs on the next one. For any
        other command it is unknown whether PostgreSQL executed it, so the error is raised.
        """
        for _ in range(self._size + 1):
            connection = await self._acquire()
            try:
                return connection, await command(connection)
            except BaseException as error:
                await self.release_failed(connection, error)
                if not (repeatable and is_lost(error)):
                    raise
        raise DatabaseUnavailableError("no usable database connection")

    async def read_traits(self) -> Traits:
        """Return the traits; open the first connection to read them if needed."""
        while self.traits is None:  # each new connection sets them
            self.release(await self._acquire())
        return self.traits

    def release(self, connection: asyncpg.Connection) -> None:
        """Return a connection to the pool; no transaction may be open on it."""
        if self._is_closed:
            connection.terminate()
        else:
            self._idle.append((connection, time.monotonic()))
        self._leave()

    async def release_failed(self, connection: asyncpg.Connection, error: BaseException) -> None:
        """Return a connection to the pool after a failed command or transaction.

        It is kept if the statement has ended and is rolled back in PostgreSQL, and otherwise
        closed.
        """
        is_usable = False
        try:
            if not is_lost(error) and not is_read_only(error):
                is_usable = await reset_after_error(connection, error)
        finally:
            if is_usable:
                self.release(connection)
            else:
                connection.terminate()
                self._leave()

    async def close(self) -> None:
        """Close the idle connections now, and the others when they are given back."""
        self._is_closed = True
        closing = [connection.close(timeout=CLOSE_SECONDS) for connection, _ in self._idle]
        self._idle.clear()
        # A database that hangs must not delay the exit: connections are cut after the time-out.
        await asyncio.gather(*closing, return_exceptions=True)

    async def _acquire(self) -> asyncpg.Connection:
        await self._enter()
        try:
            while self._idle:
                connection, used_at = self._idle.pop()
                if await _is_alive(connection, time.monotonic() - used_at):
                    return connection
            return await self._connect()
        except BaseException:
            self._leave()
            raise

    async def _enter(self) -> None:
        if self._slots.locked():
            self._waiting += 1
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    await self._slots.acquire()
            finally:
                self._waiting -= 1
        else:
            await self._slots.acquire()
        self._in_use += 1

    def _leave(self) -> None:
        self._in_use -= 1
        self._slots.release()

    async def _connect(self) -> asyncpg.Connection:
        try:
            connection = await asyncpg.connect(**self._arguments)
        except TimeoutError:
            # The error number distinguishes it from the time-out of a request.
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from None
        except asyncpg.ProtocolViolationError as error:
            raise DatabaseUnavailableError(f"{error}; {_IF_POOLER}") from None
        except asyncpg.PostgresError as error:
            # For example, the role is missing. The readiness check reports the reason.
            raise DatabaseUnavailableError(str(error)) from error
        try:
            await self._check(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _check(self, connection: asyncpg.Connection) -> None:
        """Reject a connection that does not have the role, as behind a pooler that drops it.

        Also reject one to tables that were distributed since the start, which need other SQL.
        """
        about = f"{_ABOUT}, {_LIMIT}" if self._begins_with_role else _ABOUT
        role, limit_ms = (await connection.fetchrow(about))[:2]
        if self._begins_with_role and role != ROLE:
            raise DatabaseUnavailableError(_NO_ROLE)
        layout = await layout_of(connection.fetchval, self._wall)
        if self.traits is not None and self.traits.layout is not layout:
            raise DatabaseUnavailableError(_DISTRIBUTED_SINCE)
        self.traits = Traits(layout, limit_ms)


async def _is_alive(connection: DriverConnection, idle_seconds: float) -> bool:
    """Return whether a connection that was idle for `idle_seconds` can be used.

    A database that restarts, fails over or is suspended sends data on every connection that it
    closes. So a recently used connection without unread data needs no ping.
    """
    if connection.is_closed():
        return False
    if idle_seconds < PING_AFTER_SECONDS and not connection.has_unread_data():
        return True
    try:
        await connection.execute("SELECT", timeout=PING_SECONDS)
    except BaseException as error:
        connection.terminate()
        if not isinstance(error, Exception):
            raise
        return False
    return True
