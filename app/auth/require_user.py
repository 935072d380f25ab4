"""`@require_user`: a handler that is decorated cannot run without a verified user."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from quart import current_app, g, request

from app.auth.bearer import bearer_token
from app.auth.tokens import TokenVerifier

P = ParamSpec("P")
R = TypeVar("R")

EXTENSION = "taskward.token_verifier"
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

    Raises `MissingTokenError`, `InvalidTokenError` and `KeysUnavailableError`.
    """
    if "user_id" not in g:
        verifier: TokenVerifier = current_app.extensions[EXTENSION]
        token = bearer_token(request.headers.getlist("Authorization"))
        g.user_id = await verifier.user_of(token)
        request.scope["state"]["user_id"] = g.user_id
    user_id: str = g.user_id
    return user_id
