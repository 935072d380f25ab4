"""How many connections a process has: no more than it has descriptors and memory for."""

from contextlib import suppress
from typing import NamedTuple, Protocol

from app.lasting_event import LastingEvent

try:
    import resource
except ImportError:  # on Windows, where there is no limit either
    resource = None  # type: ignore[assignment]

MAX_CONNECTIONS = 4096
MAX_PER_ADDRESS = 400
SHARE_OF_AN_ADDRESS = 4
"""An address has at most the fourth part of all connections."""
RESERVED_DESCRIPTORS = 160
"""For 100 connections that are accepted in one turn of the loop, files, metrics, and the issuer."""
MAX_DESCRIPTORS = 65_536
"""As many are asked for at most: some programs look at each one that there can be."""


class Limits(NamedTuple):
    """How many connections there are at most, and how many of one address, unless it is None."""

    total: int
    per_address: int | None


class Idling(Protocol):
    """A connection."""

    @property
    def address(self) -> str:
        """The address of the client; empty where it has none."""

    @property
    def idle_since(self) -> float | None:
        """Since when it has been idle; None while there is a request, or a part of one."""

    async def evict(self) -> None:
        """Close it."""


class Connections:
    """The open connections of a process.

    Where a limit is reached, the connection that has been idle for the longest makes room for a
    new one. If none is idle, there is no room.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._all: set[Idling] = set()
        self._of: dict[str, set[Idling]] = {}
        self._address_full = _limit_reached(scope="address", limit=limits.per_address)
        self._full = _limit_reached(scope="total", limit=limits.total)

    async def admit(self, connection: Idling) -> bool:
        """Add a connection, if there is room for it."""
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

    def remove(self, connection: Idling) -> None:
        """Forget a connection that is closed, or about to be."""
        self._all.discard(connection)
        siblings = self._of.get(connection.address, set())
        siblings.discard(connection)
        if not siblings:
            self._of.pop(connection.address, None)

    async def _make_room(self, among: set[Idling]) -> bool:
        idle = [(each.idle_since, id(each), each) for each in among if each.idle_since is not None]
        if not idle:
            return False
        *_, longest = min(idle)
        self.remove(longest)
        await longest.evict()
        return True


def limits(pool_size: int, *, behind_proxies: bool) -> Limits:
    """Return the limits of this process, after the descriptors that it may have.

    Behind proxies the addresses of connections are those of the proxies, and have no limit.
    """
    descriptors = _descriptors()
    reserved = min(RESERVED_DESCRIPTORS + pool_size, descriptors // 2)
    total = min(descriptors - reserved, MAX_CONNECTIONS)
    per_address = min(max(total // SHARE_OF_AN_ADDRESS, 1), MAX_PER_ADDRESS)
    return Limits(total, None if behind_proxies else per_address)


def _limit_reached(**details: object) -> LastingEvent:
    begins, ends = "connection limit reached", "connection limit cleared"
    return LastingEvent("app.server", begins, ends, **details)


def raise_descriptor_limit() -> None:
    """Let this process have as many descriptors as it is allowed to."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # as in a sandbox
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _descriptors() -> int:
    if resource is None:
        return MAX_DESCRIPTORS
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft
