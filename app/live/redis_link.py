"""Signals through Redis or Valkey: publish and subscribe."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from .errors import LinkLostError
from .links import Carrier

CHANNEL = "taskward:changes"
CONNECT_SECONDS = 2


class RedisLink:
    """Connects processes through the Redis that they share."""

    carrier: Carrier = "redis"

    def __init__(self, url: str) -> None:
        self._url = url

    @asynccontextmanager
    async def connect(self, received: Callable[[str], None]) -> AsyncIterator["_Line"]:
        """Open the connections, and call `received` with each message from then on.

        Raises `LinkLostError`.
        """
        # Without a retry: the library would subscribe again silently, and hide lost messages.
        client: Redis = Redis.from_url(
            self._url, socket_connect_timeout=CONNECT_SECONDS, retry=Retry(NoBackoff(), 0)
        )
        try:
            async with client, client.pubsub(ignore_subscribe_messages=True) as subscription:
                await subscription.subscribe(CHANNEL)
                yield _Line(client, subscription, received)
        except RedisError as error:
            raise LinkLostError(f"Redis: {type(error).__name__}") from error


class _Line:
    def __init__(
        self, client: Redis, subscription: PubSub, received: Callable[[str], None]
    ) -> None:
        self._client = client
        self._subscription = subscription
        self._received = received

    async def send(self, messages: Sequence[str]) -> None:
        for message in messages:
            await self._client.publish(CHANNEL, message)

    async def run(self) -> None:
        while True:
            message = await self._subscription.get_message(timeout=None)
            if message is not None:
                self._received(message["data"].decode())
