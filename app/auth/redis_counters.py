"""Counters that several processes share, in Redis or Valkey."""

from limits.aio.storage import RedisStorage
from limits.errors import StorageError
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

REDIS_SECONDS = 0.5


class RedisCounters(RedisStorage):
    """The counters in the Redis at `url`; it connects when it is first used."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"async+{url}",
            implementation="redispy",
            wrap_exceptions=True,
            key_prefix="taskward",
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
            # After a restart of Redis each connection is dead; the next try makes a new one.
            retry=Retry(NoBackoff(), 1),  # type: ignore[arg-type]  # goes to the client as it is
        )

    async def seconds_left(self, key: str) -> float:
        """Return the time until a counter ends, by the clock of Redis and no other.

        The library's `get_expiry` adds our wall clock, and rounds to a second that can be too
        early. Raises `StorageError`, as what is inherited does.
        """
        connection = self.bridge.get_connection()  # type: ignore[attr-defined]  # redispy's
        try:
            left: int = await connection.pttl(self.bridge.prefixed_key(key))
        except RedisError as error:
            raise StorageError(error) from error
        return left / 1000

    async def close(self) -> None:
        """Close the connections."""
        await self.bridge.get_connection().aclose()  # type: ignore[attr-defined]  # redispy's
