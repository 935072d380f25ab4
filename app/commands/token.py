"""`token`: prints a token for testing."""

import asyncio
import time

import jwt

from .. import make_verifier
from ..auth.errors import InvalidTokenError
from ..settings import Settings, required
from .errors import CommandError
from .resolve import with_kept_secret


def token(settings: Settings, user: str, ttl: int) -> None:
    """Print an HS256 token for `user` that is valid for `ttl` seconds.

    Raises `CommandError` for an invalid user id or lifetime.
    """
    resolved = with_kept_secret(settings)
    if resolved.better_auth_secret is None:
        raise CommandError(
            "there is no secret to sign with. Set BETTER_AUTH_SECRET, or start the development "
            "server once (make run), which generates one."
        )
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
    expected = settings.expected_claims
    claims: dict[str, object] = {name: values[0] for name, values in expected.claims.items()}
    claims |= {expected.user_claim or "sub": user, "iat": now, "exp": now + ttl}
    for name, values in (("iss", expected.issuers), ("aud", expected.audiences)):
        if values:
            claims[name] = values[0]
    return jwt.encode(claims, secret, algorithm="HS256")
