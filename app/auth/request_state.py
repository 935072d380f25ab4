"""The state of a request, which the parts of the server share: one object for each request."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from quart_contract import Problem

from .errors import Reason
from .in_flight import Flight

STATE = "taskward"
"""The key of the `RequestState` in the `state` of an ASGI scope.

Each part reads it as `state: RequestState = scope["state"][STATE]`.
"""
IS_UNATTENDED = "taskward.is_unattended"
"""A key that is in the `state` of an ASGI scope if the client may have left."""


@dataclass(slots=True)
class RequestState:
    """The outermost middleware creates it, and the others fill it in. It is kept in the ASGI scope.

    A value of None is not known yet, or does not apply.
    """

    request_id: str
    """The id in `X-Request-Id`."""
    fields: Mapping[bytes, bytes]
    """The header fields by name; a repeated field has its last value."""
    task: asyncio.Task[None] | None = None
    """The task that serves the request; None before and after that."""
    client_address: str = ""
    """The address by which limits count."""
    refusal: Problem | None = None
    """Why the request is rejected before it is matched to an operation."""
    known: tuple[str, str] | None = None
    """A token that was verified for an earlier request, and its user."""
    end_turn: Callable[[], None] | None = None
    """A function that ends the turn of a request without a known token; None once it has ended."""
    operation: str | None = None
    """The operationId."""
    route: str | None = None
    """The path of the operation in the contract."""
    user_id: str | None = None
    """The user; None until the token is verified."""
    token_is_known: bool | None = None
    """True if the token was verified for an earlier request."""
    rejection: Reason | None = None
    """Why the token was rejected; None if it was not."""
    flight: Flight | None = None
    """The user's requests in flight, once this request counts among them."""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Headers to add to the response, whatever it is."""
    status: int | None = None
    """The status of the response; None until it has begun."""
    problem: str | None = None
    """The code of the problem, if the response is one."""
    inner_problems: set[str] = field(default_factory=set)
    """The codes of the problems that are parts of the response."""
    end_wait: Callable[[], None] | None = None
    """Ends the wait of the request for a change. It is called if the client may have left."""
    waited_seconds: float = 0
    """How long the request has waited for a change: time that is no work."""
    feed_lag: int | None = None
    """For a reader of the change feed: the number of revisions it had not received."""
