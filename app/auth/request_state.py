"""What the parts of the server tell one another about a request: one object for each request."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hypercorn.typing import WWWScope

from app.auth.in_flight import Flight
from quart_contract import Problem

_KEY = "taskward"


@dataclass(slots=True)
class RequestState:
    """The outermost middleware makes it, and the others fill it in. It is kept in the ASGI scope.

    What is None was not found out, or does not apply.
    """

    request_id: str
    """The id in `X-Request-Id`."""
    fields: Mapping[bytes, bytes]
    """The header fields by name; one that is repeated has its last value."""
    task: asyncio.Task[None] | None = None
    """The task that serves the request, while it does."""
    client_address: str = ""
    """The address that limits count by."""
    refusal: Problem | None = None
    """Why the request is rejected before it is matched to an operation."""
    known: tuple[str, str] | None = None
    """A token that was verified before, and its user."""
    end_turn: Callable[[], None] | None = None
    """Ends the turn of a request without a known token; None once it has ended."""
    operation: str | None = None
    """The operationId."""
    route: str | None = None
    """The path of the operation, as the contract has it."""
    user_id: str | None = None
    """The user, once the token is verified."""
    token_is_known: bool | None = None
    """Whether the token was verified before."""
    flight: Flight | None = None
    """Counts the request among those of its user."""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Headers for the response, whatever it is."""
    status: int | None = None
    """The status of the response, once it has begun."""
    problem: str | None = None
    """The code of the problem that is the response."""
    feed_lag: int | None = None
    """How many revisions a reader of the change feed had not seen."""


def begin(scope: WWWScope, state: RequestState) -> None:
    """Keep the state of a request in its scope."""
    scope["state"][_KEY] = state


def found_state(scope: WWWScope) -> RequestState | None:
    """Return the state of a request; None before the request log middleware has begun."""
    state: RequestState | None = scope["state"].get(_KEY)
    return state


def state_of(scope: WWWScope) -> RequestState:
    """Return the state of a request. Raises `KeyError` outside of the request log middleware."""
    state: RequestState = scope["state"][_KEY]
    return state
