"""The interface of a security scheme, which a service implements."""

from collections.abc import Callable
from typing import Any, Protocol

from quart import Request


class SecurityScheme(Protocol):
    """One entry of the contract's `securitySchemes`, implemented by the service.

    The service marks the handlers that need the scheme with a decorator of its own, which can
    also inject what `authenticate` found, such as the user. The engine reads the signature of
    the decorated handler.

    One object serves all requests. Calls for different requests overlap, so keep what
    `authenticate` finds with the request and not on the object.
    """

    def protects(self, handler: Callable[..., Any]) -> bool:
        """Return whether a handler is decorated, so that it cannot run without this scheme.

        `Contract.install` calls this for every handler and compares it with the contract.
        """

    async def authenticate(self, request: Request) -> None:
        """Authenticate a request. Raise an exception to reject it.

        The engine calls this once for each request and scheme, before it examines anything in
        the request. Several schemes are called in the order of their names. An exception must be
        a `Problem`, or a key of `problems` in `Contract.install`; any other one is a fault of
        the server.
        """
