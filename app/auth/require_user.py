"""`@require_user`: a handler that is decorated cannot run without a verified user."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from quart import current_app
from quart.globals import request_ctx

from app.auth.bearer import bearer_token
from app.auth.in_flight import InFlight
from app.auth.rate_limits import Allowance, RateLimiter
from app.auth.tokens import TokenVerifier

P = ParamSpec("P")
R = TypeVar("R")

VERIFIER = "taskward.token_verifier"
LIMITER = "taskward.rate_limiter"
_MARK = "__requires_user__"
_UNKNOWN = None, ""


def require_user(
    handler: Callable[Concatenate[str, P], Awaitable[R]],
) -> Callable[P, Awaitable[R]]:
    """Inject the verified user's id as the handler's first argument."""

    @wraps(handler)
    async def authenticated(*args: P.args, **kwargs: P.kwargs) -> R:
        return await handler(await authenticate(), *args, **kwargs)

    setattr(authenticated, _MARK, True)
    return authenticated


def requires_user(handler: Callable[..., Any]) -> bool:
    """Tell whether a handler is decorated with `@require_user`."""
    return getattr(handler, _MARK, False)


async def authenticate() -> str:
    """Answer the id of the current request's user; the token is verified once a request.

    The request is in flight from then on; the envelope ends that. Raises `MissingTokenError`,
    `InvalidTokenError`, `KeysUnavailableError`, `RateLimitedError` and `TooManyInFlightError`.
    """
    request = request_ctx.request
    state = request.scope["state"]
    if "user_id" not in state:
        limiter: RateLimiter | None = current_app.extensions[LIMITER]
        token = bearer_token(request.headers.getlist("Authorization"))
        known_token, user_id = state.get("known", _UNKNOWN)
        is_known = token == known_token
        state["token_is_remembered"] = is_known
        if not is_known:
            if "end_turn" in state:  # to verify it can take long, and has limits of its own
                state["end_turn"]()
            verifier: TokenVerifier = current_app.extensions[VERIFIER]
            user_id = await _verified(verifier, token, limiter, state["client_address"])
        state["user_id"] = user_id
        if limiter is not None:
            allowance = await limiter.take(user_id)
            state["headers"] = _announcement(allowance)
            allowance.check()
        in_flight: InFlight = current_app.extensions[InFlight.EXTENSION]
        state["flight"] = in_flight.enter(user_id)
    verified: str = state["user_id"]
    return verified


async def _verified(
    verifier: TokenVerifier, token: str, limiter: RateLimiter | None, address: str
) -> str:
    if limiter is None:
        return await verifier.verify(token, address)
    async with limiter.attempt(address):
        return await verifier.verify(token, address)


def _announcement(allowance: Allowance) -> list[tuple[bytes, bytes]]:
    """The headers that say what is left of the user's allowance."""
    policy = f'"user";q={allowance.limit};w={allowance.window}'
    left = f'"user";r={allowance.remaining};t={allowance.seconds}'
    return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]
