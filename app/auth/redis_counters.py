"""Counters that several processes share, in Redis or Valkey."""

from limits.aio.storage import RedisStorage
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

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

    async def close(self) -> None:
        """Close the connections."""
        await self.bridge.get_connection().aclose()  # type: ignore[attr-defined]  # redispy's
