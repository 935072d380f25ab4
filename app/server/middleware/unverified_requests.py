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
        address = state.client_address
        try:
            await self._turns.acquire(address)
        except TimeoutError:
            await self._app(scope, receive, send)
            return

        def end_turn() -> None:
            if state.end_turn is not None:
                state.end_turn = None
                self._turns.release(address)

        async def send_on(event: ASGISendEvent) -> None:
            end_turn()
            await send(event)

        state.end_turn = end_turn
        try:
            await self._app(scope, receive, send_on)
        finally:
            end_turn()
