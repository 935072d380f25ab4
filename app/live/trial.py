"""Try what carries signals between processes, for an operator."""

import asyncio

from .errors import LinkLostError
from .links import Link
from .outbox import Outbox
from .signals import ECHO_SECONDS


async def try_link(link: Link) -> None:
    """Send a message to this process itself. Raises `LinkLostError` if it does not arrive.

    Raises the errors of the connection, too.
    """
    arrived = asyncio.Event()
    async with link.connect(lambda _: arrived.set()) as line:
        receiving = asyncio.create_task(line.run())
        try:
            async with asyncio.timeout(ECHO_SECONDS):
                await line.send(Outbox().messages_of(set()))
                await arrived.wait()
        except TimeoutError:
            raise LinkLostError("messages do not come back") from None
        finally:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)
