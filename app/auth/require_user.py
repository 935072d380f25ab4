"""`@require_user`: a decorated handler cannot run without a verified user."""

import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from quart import Request
from quart.globals import request_ctx

from .bearer import bearer_token
from .errors import InvalidTokenError
from .in_flight import InFlight
from .rate_limits import Allowance, RateLimiter
from .rejections import Rejections
from .request_state import STATE, RequestState
from .tokens import TokenVerifier

S = TypeVar("S")
P = ParamSpec("P")
R = TypeVar("R")

_MARK = "__requires_user__"
_UNKNOWN = None, ""


def require_user(
    handler: Callable[Concatenate[S, str, P], Awaitable[R]],
) -> Callable[Concatenate[S, P], Awaitable[R]]:
    """Pass the verified user's id as the first argument of a handler, which is a method.

    The decorated handler raises `UnauthenticatedError` for a request that `BearerAuthentication`
    has not authenticated, and `TooManyInFlightError` if too much of the user's responses is unread.
    """

    @wraps(handler)
    async def authenticated(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        state: RequestState = request_ctx.request.scope["state"][STATE]
        if state.user_id is None or state.flight is None:
            raise UnauthenticatedError
        state.flight.check()  # the client may have taken long to send the body
        return await handler(self, state.user_id, *args, **kwargs)

    signature = inspect.signature(handler)
    itself, _, *others = signature.parameters.values()
    # The contract does not describe the injected argument, so the signature omits it.
    visible = {"__signature__": signature.replace(parameters=[itself, *others])}
    vars(authenticated).update({_MARK: True, **visible})
    return authenticated


class UnauthenticatedError(Exception):
    """A handler was called for a request without authentication."""


class BearerAuthentication:
    """The contract's security scheme `bearer`, for handlers with `@require_user`."""

    def __init__(
        self, verifier: TokenVerifier, limiter: RateLimiter | None, in_flight: InFlight
    ) -> None:
        self._verifier = verifier
        self._limiter = limiter
        self._in_flight = in_flight
        self._rejections = Rejections()

    def protects(self, handler: Callable[..., Any]) -> bool:
        """Return whether a handler is decorated with `@require_user`."""
        return getattr(handler, _MARK, False)

    async def authenticate(self, request: Request) -> None:
        """Verify the token of a request, and count the request.

        The request is in flight from then on, until the request log ends it. Raises
        `MissingTokenError`, `InvalidTokenError`, `KeysUnavailableError`, `RateLimitedError` and
        `TooManyInFlightError`.
        """
        state: RequestState = request.scope["state"][STATE]
        try:
            user_id = await self._user_of(request, state)
        except InvalidTokenError as error:
            state.rejection = error.reason
            self._rejections.add(error)
            raise
        state.user_id = user_id
        if self._limiter is not None:
            allowance = await self._limiter.take(user_id)
            state.headers = _announcement(allowance)
            allowance.raise_if_exceeded()
        state.flight = self._in_flight.enter(user_id)

    async def _user_of(self, request: Request, state: RequestState) -> str:
        token = bearer_token(request.headers.getlist("Authorization"))
        known_token, user_id = state.known or _UNKNOWN
        state.token_is_known = token == known_token
        if state.token_is_known:
            return user_id
        if state.end_turn is not None:  # verification can be slow and has its own limits
            state.end_turn()
        return await self._verified(token, state.client_address)

    async def _verified(self, token: str, address: str) -> str:
        if self._limiter is None:
            return await self._verifier.verify(token, address)
        async with self._limiter.attempt(address):
            return await self._verifier.verify(token, address)


def _announcement(allowance: Allowance) -> list[tuple[bytes, bytes]]:
    """Return the headers `RateLimit-Policy` and `RateLimit` for the user's allowance."""
    policy = f'"user";q={allowance.limit};w={allowance.window_seconds}'
    left = f'"user";r={allowance.remaining};t={allowance.resets_in_seconds}'
    return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]
