"""The connections that users' statements run on."""

import asyncio
import errno
import os
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

import asyncpg

from app.database.driver.errors import DatabaseUnavailableError, is_lost, is_read_only
from app.database.driver.limits import LIMIT_MS, set_limit
from app.database.driver.link import Link, comes_to_rest
from app.database.driver.url import DatabaseUrl
from app.database.wall.citus import HAS_CITUS, IS_DISTRIBUTED
from app.database.wall.policies import LOCAL_SETTINGS, LOCK_WAIT_MS, ROLE

T = TypeVar("T")

TIMEOUT_SECONDS = 10
TIMEOUTS = {"timeout": TIMEOUT_SECONDS, "command_timeout": TIMEOUT_SECONDS}
"""How long the driver waits for a connection, and for an answer."""
RESTED_SECONDS = 30
"""After how long without use a connection is asked whether it still lives.

An end that the database or its machine announces is heard before; not that a router between has
forgotten the connection.
"""
PING_SECONDS = 2
"""How long it may take to answer that."""
CLOSE_SECONDS = 2
"""How long a connection may take to end."""

SETTINGS = {
    "role": ROLE,
    "lock_timeout": str(LOCK_WAIT_MS),
    # The default, and what the statements are made for, whatever a database's own default is.
    "default_transaction_isolation": "read committed",
    # The default. Were it 0, a policy would cost as little as the condition that names the owner,
    # and could be evaluated before it.
    "cpu_operator_cost": "0.0025",
    **LOCAL_SETTINGS,
}
"""What each connection starts with, unless it leads to a pooler."""
_IF_POOLER = "if DATABASE_URL points to a pooler, set DATABASE_POOLER=transaction"
_NO_ROLE = f"connections do not keep the role {ROLE}; {_IF_POOLER}"
_ABOUT = f"SELECT current_user, {HAS_CITUS}, {LIMIT_MS}"
# Not on a connection that lost the role: it can be a pooler's, whose next client would be limited.
_LIMIT = f"CASE current_user WHEN '{ROLE}' THEN {set_limit(local=False)} END"
_DISTRIBUTED_SINCE = "the tables were distributed after this process started; restart it"


class PoolUsage(NamedTuple):
    """How many connections there can be, how many are in use, and how many wait for one."""

    size: int
    in_use: int
    waiting: int


class Traits(NamedTuple):
    """What new connections find out: whether Citus distributes the tables, and a statement's limit.

    The limit can be lower than `STATEMENT_MS`, where an operator has set a lower one.
    """

    is_distributed: bool
    limit_ms: int


class UserPool:
    """At most `size` connections; each is made when it is first needed.

    A connection has the role of users from its beginning, unless there is a pooler: that gives
    every transaction another connection, and each has to take the role on itself. The pools of
    the driver and of SQLAlchemy take as much time for each statement as the statement.
    """

    def __init__(
        self,
        url: DatabaseUrl,
        size: int,
        *,
        pooler: bool,
        connection_class: type[Link] = Link,
    ) -> None:
        self._arguments = {**TIMEOUTS, **url.for_driver, "connection_class": connection_class}
        if pooler:
            self._arguments["statement_cache_size"] = 0
        else:
            self._arguments["server_settings"] = {
                **self._arguments.get("server_settings", {}),
                **SETTINGS,
            }
        self._begins_with_role = not pooler
        # None until the first connection has asked.
        self.traits: Traits | None = None
        self._size = size
        self._places = asyncio.Semaphore(size)
        # Each with when it was last used: that one is used next.
        self._idle: list[tuple[Link, float]] = []
        self._in_use = self._waiting = 0
        self._is_closed = False

    @property
    def usage(self) -> PoolUsage:
        """How much of the pool is in use."""
        return PoolUsage(self._size, self._in_use, self._waiting)

    async def begin(
        self, command: Callable[[asyncpg.Connection], Awaitable[T]], *, repeatable: bool
    ) -> tuple[asyncpg.Connection, T]:
        """Take a connection and give it a first command; answer it, and what the command brought.

        A command that is `repeatable` is given to the next connection where it finds that this
        one has died. Of another command it cannot be told whether it was carried out.
        """
        for _ in range(self._size + 1):
            connection = await self._take()
            try:
                return connection, await command(connection)
            except BaseException as error:
                await self.take_back(connection, error)
                if not (repeatable and is_lost(error)):
                    raise
        raise DatabaseUnavailableError("no usable database connection")

    async def ask_traits(self) -> Traits:
        """Return the traits; make the first connection for that."""
        while self.traits is None:  # a new connection sets them
            self.give_back(await self._take())
        return self.traits

    def give_back(self, connection: asyncpg.Connection) -> None:
        """Let others use a connection, on which no transaction is under way."""
        if self._is_closed:
            connection.terminate()
        else:
            self._idle.append((connection, time.monotonic()))
        self._leave()

    async def take_back(self, connection: asyncpg.Connection, error: BaseException) -> None:
        """Take back a connection on which a command or a transaction has failed.

        It is kept once nothing of that is left in PostgreSQL, and closed where that fails.
        """
        is_usable = False
        try:
            if not is_lost(error) and not is_read_only(error):
                is_usable = await comes_to_rest(connection, error)
        finally:
            if is_usable:
                self.give_back(connection)
            else:
                connection.terminate()
                self._leave()

    async def close(self) -> None:
        """Close the connections that are not in use, and the others when they are given back."""
        self._is_closed = True
        closing = [connection.close(timeout=CLOSE_SECONDS) for connection, _ in self._idle]
        self._idle.clear()
        # A database that hangs is no reason not to end; its connections are then cut off.
        await asyncio.gather(*closing, return_exceptions=True)

    async def _take(self) -> asyncpg.Connection:
        await self._enter()
        try:
            while self._idle:
                connection, used_at = self._idle.pop()
                if await _lives(connection, time.monotonic() - used_at):
                    return connection
            return await self._connect()
        except BaseException:
            self._leave()
            raise

    async def _enter(self) -> None:
        if self._places.locked():
            self._waiting += 1
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    await self._places.acquire()
            finally:
                self._waiting -= 1
        else:
            await self._places.acquire()
        self._in_use += 1

    def _leave(self) -> None:
        self._in_use -= 1
        self._places.release()

    async def _connect(self) -> asyncpg.Connection:
        try:
            connection = await asyncpg.connect(**self._arguments)
        except TimeoutError:
            # With a number, which tells it from the time-out of a request.
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from None
        except asyncpg.ProtocolViolationError as error:
            raise DatabaseUnavailableError(f"{error}; {_IF_POOLER}") from None
        except asyncpg.PostgresError as error:
            # Such as that the role is gone, or may not be taken on; readiness says which.
            raise DatabaseUnavailableError(str(error)) from error
        try:
            await self._check(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _check(self, connection: asyncpg.Connection) -> None:
        """Refuse a connection that lost the role on its way, as through a pooler that drops it.

        And one that leads to tables which have been distributed since, and are spoken to otherwise.
        """
        about = f"{_ABOUT}, {_LIMIT}" if self._begins_with_role else _ABOUT
        role, has_citus, limit_ms = (await connection.fetchrow(about))[:3]
        if self._begins_with_role and role != ROLE:
            raise DatabaseUnavailableError(_NO_ROLE)
        is_distributed = has_citus and await connection.fetchval(IS_DISTRIBUTED)
        if self.traits is not None and self.traits.is_distributed != is_distributed:
            raise DatabaseUnavailableError(_DISTRIBUTED_SINCE)
        self.traits = Traits(is_distributed, limit_ms)


async def _lives(connection: Link, rested: float) -> bool:
    """Tell whether a connection that nobody has used for `rested` seconds can be used.

    A database that restarts, fails over or is suspended ends connections, and says so on each:
    who hears nothing does not have to ask.
    """
    if connection.is_closed():
        return False
    if rested < RESTED_SECONDS and not connection.has_heard():
        return True
    try:
        await connection.execute("SELECT", timeout=PING_SECONDS)
    except BaseException as error:
        connection.terminate()
        if not isinstance(error, Exception):
            raise
        return False
    return True
