"""Accept connections until the server is stopped, then close them without losing a request.

This replaces Hypercorn's `worker_serve`. That one closes idle connections as soon as the server
is stopped, and loses the requests that clients are just sending over them.
"""

import asyncio
from collections.abc import Awaitable, Callable

from hypercorn.utils import wrap_app

from .application import Application
from .connections import Connections, Limits, limits
from .context import DrainingWorkerContext
from .listener import Listener
from .tcp import TCPConnection

GRACEFUL_SECONDS = 10
"""How long a running request may still take after open connections were served."""
_ACCEPT_SECONDS = 0.05
"""How long to wait after the last accept, so that accepted sockets become connections."""


async def serve(
    app: Application, listener: Listener, shutdown_trigger: Callable[[], Awaitable[float]]
) -> None:
    """Serve until `shutdown_trigger` returns, then serve open connections, and stop.

    `shutdown_trigger` returns the seconds for which clients may still send requests over open
    connections. Each response in that time has `Connection: close`. Requests that still run after
    it have `GRACEFUL_SECONDS`, and are then cancelled.
    """
    ending = asyncio.ensure_future(shutdown_trigger())
    await app.startup()
    try:
        await _serve(app, listener, ending)
    finally:
        await app.shutdown()


async def _serve(app: Application, listener: Listener, ending: Awaitable[float]) -> None:
    loop, context, config = asyncio.get_running_loop(), DrainingWorkerContext(), listener.config
    wrapped = wrap_app(app, 0, "asgi")
    connections: set[asyncio.Task[None]] = set()
    open_connections = Connections(_limits(app))

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            connections.add(task)
            task.add_done_callback(connections.discard)
        connection = TCPConnection(wrapped, loop, config, context, {}, reader, writer)
        await open_connections.start(connection)
        if not await open_connections.admit(connection):
            writer.transport.abort()
            return
        try:
            await connection
        finally:
            open_connections.remove(connection)

    servers = [
        await asyncio.start_server(connected, sock=each, backlog=config.backlog)
        for each in listener.sockets.insecure_sockets
    ]
    try:
        closing_seconds = await ending
    finally:
        app.services.stopping.set()
        for server in servers:
            server.close()
    context.is_draining = True
    await app.services.waiters.close()
    await asyncio.sleep(_ACCEPT_SECONDS)
    await _wait(connections, closing_seconds)
    await context.terminate_all()
    await _wait(connections, GRACEFUL_SECONDS)
    for connection in connections:
        connection.cancel()


def _limits(app: Application) -> Limits:
    allowed = limits(app.services.database.usage.size, behind_proxies=app.behind_proxies)
    app.services.waiters.limit_to(allowed.total)
    return allowed


async def _wait(connections: set[asyncio.Task[None]], seconds: float) -> None:
    if connections:
        await asyncio.wait(connections, timeout=seconds)
