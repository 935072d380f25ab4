"""A socket over which a command requests a reload and receives its outcome.

A signal has no reply, so `systemctl reload` could not fail. The socket is in the folder that
systemd creates for the service (`RuntimeDirectory=`), which only the service's user can enter.
"""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog

logger = structlog.get_logger("app.workers")


class ReloadSocketError(Exception):
    """There is no server with a socket, or it has exited. The message says what to do."""


def socket_path() -> Path | None:
    """Return the path of the socket; None without a folder for it."""
    folders = os.environ.get("RUNTIME_DIRECTORY")
    return Path(folders.partition(":")[0], "reload.sock") if folders else None


@asynccontextmanager
async def reload_socket(reload: Callable[[], Awaitable[str | None]]) -> AsyncIterator[None]:
    """Reload at the request of each client, and send it why that failed, or null.

    Do nothing without a folder for the socket.
    """

    async def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # At the end of the server, the streams of Python 3.11 would report a cancelled callback.
        with suppress(asyncio.CancelledError):
            writer.write(json.dumps(await reload()).encode())
        writer.close()

    path = socket_path()
    if path is None:
        yield
        return
    try:
        server = await asyncio.start_unix_server(connected, path)
    except OSError as error:
        logger.warning("reload socket failed", reason=str(error))
        yield
        return
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


def request_reload() -> str | None:
    """Request a reload; return why that failed, or None. Raises `ReloadSocketError`."""
    path = socket_path()
    if path is None:
        raise ReloadSocketError(
            "RUNTIME_DIRECTORY is not set, so the server has no socket for reloads. "
            "Send SIGHUP to the server, and look into its log."
        )
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
            reply = client.makefile("rb").read()
        except OSError as error:
            raise ReloadSocketError(
                f"cannot reach a server at {path} ({error.strerror or error}). A reload needs a "
                "running server and WORKERS above 1. Restart the server instead."
            ) from None
    if not reply:
        raise ReloadSocketError("the server has stopped before the end of the reload")
    failure: str | None = json.loads(reply)
    return failure
