"""The address that is listened on."""

import logging
import socket
from typing import NamedTuple

from hypercorn.config import Config, Sockets, SocketTypeError

KEEP_ALIVE_SECONDS = 20
# Above the guard's own limits for target and headers, so that the guard answers first.
MAX_INCOMPLETE_BYTES = 32 * 1024
SEND_BUFFER_BYTES = 64 * 1024
"""What the kernel holds of a response, of which it makes the double.

By default it grows to 4 MB for each client that does not read.
"""


class BindError(Exception):
    """The address cannot be listened on; the message says why, and what to do."""

    def __init__(self, address: str, error: Exception, setting: str) -> None:
        reason = getattr(error, "strerror", None) or str(error)
        super().__init__(
            f"{setting}: cannot listen on {address}: {reason}. Free it, or choose another address."
        )


class Listener(NamedTuple):
    """An address that is taken; `run` serves on it."""

    config: Config
    sockets: Sockets

    @property
    def port(self) -> int:
        """The TCP port, also where the system chose it."""
        port: int = self.sockets.insecure_sockets[0].getsockname()[1]
        return port

    @property
    def descriptor(self) -> int:
        """The socket's descriptor, for a process that is to serve on it, too."""
        return self.sockets.insecure_sockets[0].fileno()

    def close(self) -> None:
        """Give up this process's share of the socket."""
        for each in self.sockets.insecure_sockets:
            each.close()


def listen(bind: str) -> Listener:
    """Take the address `HOST:PORT`, or `fd://N`: the socket of an inherited descriptor.

    Raises `BindError` where it cannot be had.
    """
    config = Config()
    config.bind = [bind]
    config.include_server_header = False
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.h11_max_incomplete_size = MAX_INCOMPLETE_BYTES
    config.errorlog = logging.getLogger("hypercorn.error")
    try:
        sockets = config.create_sockets()
        for each in sockets.insecure_sockets:
            # Connections inherit it, also from the socket of an inherited descriptor.
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            each.listen(config.backlog)  # from now on, whoever connects waits for us
        return Listener(config, sockets)
    except SocketTypeError:
        raise BindError(bind, ValueError("not a TCP socket"), "BIND") from None
    except OSError as error:
        raise BindError(bind, error, "BIND") from None
