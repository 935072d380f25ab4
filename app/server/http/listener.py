"""The listening socket, which is opened before the other parts start."""

import logging
import socket
from typing import NamedTuple

from hypercorn.config import Config, Sockets, SocketTypeError

# Above the guard's limits for target and headers, so that the guard rejects the request first.
MAX_INCOMPLETE_BYTES = 40 * 1024
SEND_BUFFER_BYTES = 64 * 1024
"""The size of the kernel's send buffer for each connection. Linux doubles the value.

By default the buffer grows to 4 MB for each client that does not read.
"""


class BindError(Exception):
    """The server cannot listen on the address. The message says why and what to do."""

    def __init__(self, address: str, error: Exception, setting: str) -> None:
        reason = getattr(error, "strerror", None) or str(error)
        super().__init__(
            f"{setting}: cannot listen on {address}: {reason}. Free it, or choose another address."
        )


class Listener(NamedTuple):
    """A listening socket and its configuration. `run` serves on it."""

    config: Config
    sockets: Sockets

    @property
    def port(self) -> int:
        """The TCP port, even if the system chose it."""
        port: int = self.sockets.insecure_sockets[0].getsockname()[1]
        return port

    @property
    def descriptor(self) -> int:
        """The descriptor of the socket, which a worker process inherits."""
        return self.sockets.insecure_sockets[0].fileno()

    def close(self) -> None:
        """Close the socket in this process. Other processes can still accept on it."""
        for each in self.sockets.insecure_sockets:
            each.close()


def listen(bind: str, keep_alive_seconds: float) -> Listener:
    """Listen on `HOST:PORT`, or on `fd://N`, the socket of an inherited descriptor.

    A connection that is idle for `keep_alive_seconds` is closed.

    This calls `Config.create_sockets` early, which Hypercorn calls when it serves. So an address
    in use is reported before anything starts, and the send buffer can be limited.

    Raises `BindError` if the address is in use or invalid, or if the descriptor is no TCP socket.
    """
    config = Config()
    config.bind = [bind]
    config.include_server_header = False
    config.keep_alive_timeout = keep_alive_seconds
    config.h11_max_incomplete_size = MAX_INCOMPLETE_BYTES
    config.errorlog = logging.getLogger("hypercorn.error")
    try:
        sockets = config.create_sockets()
        for each in sockets.insecure_sockets:
            # Accepted connections inherit the option, also if the socket itself was inherited.
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            each.listen(config.backlog)  # from now on, clients can connect and wait
        return Listener(config, sockets)
    except SocketTypeError:
        raise BindError(bind, ValueError("not a TCP socket"), "BIND") from None
    except OSError as error:
        raise BindError(bind, error, "BIND") from None
