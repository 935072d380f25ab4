"""Limit the connections of a process to what its file descriptors and memory allow."""

import asyncio
from contextlib import suppress
from typing import NamedTuple, Protocol

from ...database.driver.turns import Turns
from ...lasting_event import LastingEvent

try:
    import resource
except ImportError:  # on Windows, where there is no limit either
    resource = None  # type: ignore[assignment]

MAX_CONNECTIONS = 16_384
"""The most connections of a process, however many descriptors it may have.

10,000 of them may wait for changes.
"""
MAX_PER_ADDRESS = 400
"""The most connections from one client address."""
START_SECONDS = 5
"""How long a new connection waits for its turn before it starts without one."""
SHARE_OF_AN_ADDRESS = 4
"""One address has at most a quarter of all connections."""
RESERVED_DESCRIPTORS = 160
"""Descriptors kept for other uses.

100 are for connections that one turn of the event loop accepts. The others are for files, metrics
and requests to the issuer.
"""
MAX_DESCRIPTORS = 65_536
"""The highest limit that is requested: some programs scan all descriptors up to the limit."""


class Limits(NamedTuple):
    """The most connections in total, and the most from one address (None: no limit)."""

    total: int
    per_address: int | None


class CountedConnection(Protocol):
    """A connection that `Connections` counts and may evict."""

    @property
    def address(self) -> str:
        """The address of the client, or "" if it has none."""

    @property
    def idle_since(self) -> float | None:
        """The time at which it became idle. None while it has a request, or a part of one."""

    async def evict(self) -> None:
        """Close the connection."""


class Connections:
    """The open connections of a process.

    When a limit is reached, a new connection evicts the one that has been idle for longest. If
    none is idle, the new connection is rejected.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._all: set[CountedConnection] = set()
        self._of: dict[str, set[CountedConnection]] = {}
        """The open connections of each address."""
        self._turns = Turns(1, START_SECONDS)
        self._address_full = _limit_reached(scope="address", limit=limits.per_address)
        self._full = _limit_reached(scope="total", limit=limits.total)

    async def start(self, connection: CountedConnection) -> None:
        """Wait until a new connection may start: one of each address in a turn of the event loop.

        Hundreds that come at once would hold up the requests of other clients by as many starts.
        """
        with suppress(TimeoutError):
            await self._turns.acquire(connection.address)
            asyncio.get_running_loop().call_soon(self._turns.release, connection.address)

    async def admit(self, connection: CountedConnection) -> bool:
        """Add a connection if there is room for it. Return whether it was added."""
        limit = self._limits.per_address
        siblings = self._of.get(connection.address, set())
        if limit is not None and connection.address and len(siblings) >= limit:
            self._address_full.occurs(address=connection.address)
            has_room = await self._make_room(siblings)
        elif len(self._all) >= self._limits.total:
            self._full.occurs()
            has_room = await self._make_room(self._all)
        else:
            has_room = True
        if has_room:
            self._all.add(connection)
            self._of.setdefault(connection.address, set()).add(connection)
        return has_room

    def remove(self, connection: CountedConnection) -> None:
        """Remove a connection that is closed or about to close."""
        self._all.discard(connection)
        siblings = self._of.get(connection.address, set())
        siblings.discard(connection)
        if not siblings:
            self._of.pop(connection.address, None)

    async def _make_room(self, among: set[CountedConnection]) -> bool:
        idle = [(each.idle_since, id(each), each) for each in among if each.idle_since is not None]
        if not idle:
            return False
        *_, longest = min(idle)
        self.remove(longest)
        await longest.evict()
        return True


def limits(pool_size: int, *, behind_proxies: bool) -> Limits:
    """Return the limits of this process, derived from the descriptors that it may open.

    Behind proxies there is no limit for an address, because the addresses are the proxies'.
    """
    descriptors = _descriptors()
    reserved = min(RESERVED_DESCRIPTORS + pool_size, descriptors // 2)
    total = min(descriptors - reserved, MAX_CONNECTIONS)
    per_address = min(max(total // SHARE_OF_AN_ADDRESS, 1), MAX_PER_ADDRESS)
    return Limits(total, None if behind_proxies else per_address)


def _limit_reached(scope: str, limit: int | None) -> LastingEvent:
    begins, ends = "connection limit reached", "connection limit cleared"
    return LastingEvent("app.server", begins, ends, scope=scope, limit=limit)


def raise_descriptor_limit() -> None:
    """Raise the soft limit of descriptors to the hard limit, at most to `MAX_DESCRIPTORS`."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # some sandboxes forbid it
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _descriptors() -> int:
    if resource is None:
        return MAX_DESCRIPTORS
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft
