"""Create tokens with the secret of every server that the tests start."""

import time
from datetime import timedelta
from typing import Any

import jwt

SECRET = "a-secret-for-the-tests-of-at-least-32-bytes"
OTHER_SECRET = "another-secret-that-takes-its-place-or-follows-it"
STARTED = int(time.time())
"""When tokens of this process were issued: a user has one token, which a server remembers."""
ISSUER = {"iss": "https://id.example.com", "aud": "taskward"}
"""The claims that an issuer adds, where a server requires them."""


def sign(claims: dict[str, Any], secret: str = SECRET) -> str:
    """Sign exactly these claims."""
    return jwt.encode(claims, secret, "HS256")


def claims_for(user: str, /, **changes: object) -> dict[str, Any]:
    """Return claims that are valid for a day.

    A change to `...` removes a claim, and a `timedelta` is a time from now.
    """
    claims = {"sub": user, "iat": STARTED, "exp": STARTED + 86_400, **changes}
    return {
        name: int(time.time() + value.total_seconds()) if isinstance(value, timedelta) else value
        for name, value in claims.items()
        if value is not ...
    }


def token_for(user: str, secret: str = SECRET, **changes: Any) -> str:  # noqa: ANN401 - JSON
    """Return a valid token, except for the changes."""
    return sign(claims_for(user, **changes), secret)


def bearer(user: str, secret: str = SECRET, **changes: Any) -> dict[str, str]:  # noqa: ANN401
    """Return the header with the token that `token_for` returns."""
    return {"Authorization": f"Bearer {token_for(user, secret, **changes)}"}
