"""`@require_user`: a handler that is decorated cannot run without a verified user."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from quart import Response, current_app, g, request

from app.auth.bearer import bearer_token
from app.auth.rate_limits import Allowance, RateLimiter
from app.auth.tokens import TokenVerifier

P = ParamSpec("P")
R = TypeVar("R")

VERIFIER = "taskward.token_verifier"
LIMITER = "taskward.rate_limiter"
_MARK = "__requires_user__"


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

    Raises `MissingTokenError`, `InvalidTokenError`, `KeysUnavailableError` and
    `RateLimitedError`.
    """
    if "user_id" not in g:
        g.user_id = await _verified(bearer_token(request.headers.getlist("Authorization")))
        request.scope["state"]["user_id"] = g.user_id
        limiter: RateLimiter | None = current_app.extensions[LIMITER]
        if limiter is not None:
            g.allowance = await limiter.take(g.user_id)
            g.allowance.check()
    user_id: str = g.user_id
    return user_id


async def _verified(token: str) -> str:
    verifier: TokenVerifier = current_app.extensions[VERIFIER]
    limiter: RateLimiter | None = current_app.extensions[LIMITER]
    user = verifier.remembered(token)
    if user is not None:
        return user
    if limiter is None:
        return await verifier.verify(token)
    async with limiter.attempt(request.scope["state"]["client_address"]):
        return await verifier.verify(token)


def announce_allowance(response: Response) -> Response:
    """Say in the headers of an answer what is left of the user's allowance."""
    allowance: Allowance | None = g.get("allowance")
    if allowance is not None:
        policy = f'"user";q={allowance.limit};w={allowance.window}'
        response.headers["RateLimit-Policy"] = policy
        response.headers["RateLimit"] = f'"user";r={allowance.remaining};t={allowance.seconds}'
    return response
