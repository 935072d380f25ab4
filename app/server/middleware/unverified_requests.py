"""Requests without a verified token take turns, a few for each address at a time.

Any client can send a flood of them, and each takes up to a millisecond of the event loop. With
turns, all waiting requests of other clients run in between.
"""

from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    HTTPScope,
    Scope,
)

from ...auth.request_state import STATE, RequestState
from ...auth.tokens import TokenVerifier
from ...database.driver.turns import Turns

AT_ONCE = 2
"""How many requests of one address have a turn at the same time."""
WAIT_SECONDS = 5
"""How long a request waits for its turn. After that it proceeds without one."""
_SCHEME = b"bearer "


class UnverifiedRequestsMiddleware:
    """ASGI middleware. A turn ends when the token is verified, or when the response begins.

    It sets one of two fields of the `RequestState`: `known` if the token was verified before,
    otherwise `end_turn`, which the authentication calls.
    """

    def __init__(self, app: ASGIFramework, verifier: TokenVerifier) -> None:
        self._app = app
        self._verifier = verifier
        self._turns = Turns(AT_ONCE, WAIT_SECONDS)

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http" or self._is_known(scope["state"][STATE]):
            await self._app(scope, receive, send)
        else:
            await self._serve_in_turn(scope, receive, send)

    def _is_known(self, state: RequestState) -> bool:
        value = state.fields.get(b"authorization", b"")
        if value[: len(_SCHEME)].lower() != _SCHEME:
            return False
        token = value[len(_SCHEME) :].decode("latin1")
        user_id = self._verifier.remembered(token)
        if user_id is None:
            return False
        state.known = token, user_id
        return True

    async def _serve_in_turn(
        self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        state: RequestState = scope["state"][STATE]
        try:
            await self._turns.acquire(state.client_address)
        except TimeoutError:
            await self._app(scope, receive, send)
            return
        turn = _Turn(self._turns, state, send)
        state.end_turn = turn.end
        try:
            await self._app(scope, receive, turn.send)
        finally:
            turn.end()


class _Turn:
    """A turn, and the end of it. Functions with closures would take a kilobyte while it waits."""

    __slots__ = ("_send", "_state", "_turns")

    def __init__(self, turns: Turns, state: RequestState, send: ASGISendCallable) -> None:
        self._turns = turns
        self._state = state
        self._send = send

    def end(self) -> None:
        """End the turn, unless it has ended."""
        if self._state.end_turn is not None:
            self._state.end_turn = None
            self._turns.release(self._state.client_address)

    async def send(self, event: ASGISendEvent) -> None:
        """End the turn when the response begins, and send an event of it."""
        self.end()
        await self._send(event)
