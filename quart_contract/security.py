"""What the engine asks of a security scheme; the service brings its own."""

from collections.abc import Callable
from typing import Any, Protocol

from quart import Request


class SecurityScheme(Protocol):
    """One entry of the contract's `securitySchemes`, as the service implements it.

    A service marks the handlers that need it with a decorator of its own, which can also inject
    what the scheme found out. The engine sees the signature of the decorated handler.
    """

    def protects(self, handler: Callable[..., Any]) -> bool:
        """Return whether a handler is decorated, so that it cannot run without this scheme."""

    async def authenticate(self, request: Request) -> None:
        """Authenticate a request, once, before anything in it is examined. Raise to reject it."""
