"""`token`: prints a token for testing."""

import asyncio
import time

import jwt

from .. import make_verifier
from ..auth.errors import InvalidTokenError
from ..settings import Settings, required
from .errors import CommandError
from .resolve import kept_secret


def token(settings: Settings, user: str, ttl: int) -> None:
    """Print an HS256 token for `user` that is valid for `ttl` seconds.

    Raises `CommandError` for an invalid user id or lifetime.
    """
    resolved = _with_kept_secret(settings)
    made = make_token(resolved, user, ttl)
    try:
        asyncio.run(make_verifier(resolved).verify(made))
    except InvalidTokenError as error:
        raise CommandError(
            f"a token for {user!r} and {ttl} seconds would be invalid ({error}). A user id has 1 "
            "to 255 characters, no control characters, and no white space at the ends."
        ) from None
    print(made)


def make_token(settings: Settings, user: str, ttl: int) -> str:
    """Return an HS256 token as the issuer in these settings would sign it."""
    secret = required(settings.better_auth_secret, "BETTER_AUTH_SECRET").get_secret_value()
    now = int(time.time())
    claims: dict[str, object] = {"sub": user, "iat": now, "exp": now + ttl}
    if settings.jwt_issuer:
        claims["iss"] = settings.jwt_issuer
    if settings.jwt_audience:
        claims["aud"] = settings.jwt_audience
    return jwt.encode(claims, secret, algorithm="HS256")


def _with_kept_secret(settings: Settings) -> Settings:
    if settings.better_auth_secret is not None:
        return settings
    secret = kept_secret(settings)
    if secret is None:
        raise CommandError(
            "there is no secret to sign with. Set BETTER_AUTH_SECRET, or start the development "
            "server once (make run), which generates one."
        )
    return settings.model_copy(update={"better_auth_secret": secret})
