"""Counters in Redis or Valkey, which several processes share."""

from limits.aio.storage import RedisStorage
from limits.errors import StorageError
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

REDIS_SECONDS = 0.5


class RedisCounters(RedisStorage):
    """The counters in the Redis at `url`; it connects on first use."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"async+{url}",
            implementation="redispy",
            wrap_exceptions=True,
            key_prefix="taskward",
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
            # After a restart of Redis, each connection is closed; the retry opens a new one.
            retry=Retry(NoBackoff(), 1),  # type: ignore[arg-type]  # passed on to the client
        )

    async def seconds_left(self, key: str) -> float:
        """Return the seconds until a counter expires, by the clock of Redis only.

        It replaces the library's `get_expiry`, which adds the wall clock of this machine and rounds
        to a second that can be too early. Raises `StorageError`, as the inherited methods do.
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
