"""Create tokens, good and bad, with the secret of the test server."""

import base64
import hmac
import time
from datetime import timedelta
from typing import Any

import jwt

SECRET = "a-secret-for-the-tests-of-at-least-32-bytes"
OTHER_SECRET = "another-secret-that-takes-its-place-or-follows-it"


def sign(
    claims: dict[str, Any],
    secret: str = SECRET,
    algorithm: str = "HS256",
    headers: dict[str, Any] | None = None,
) -> str:
    """Sign exactly these claims."""
    return jwt.encode(claims, secret, algorithm, headers)


def claims_for(user: str, **changes: object) -> dict[str, Any]:
    """Return claims that are valid for an hour.

    A change to `None` removes a claim, and a `timedelta` is a time from now.
    """
    now = int(time.time())
    claims = {"sub": user, "iat": now, "exp": now + 3600, **changes}
    return {
        name: now + int(value.total_seconds()) if isinstance(value, timedelta) else value
        for name, value in claims.items()
        if value is not None
    }


def token_for(user: str, **changes: object) -> str:
    """Return a valid token, except for the changes."""
    return sign(claims_for(user, **changes))


def sign_bytes(payload: bytes, header: bytes = b'{"alg":"HS256"}', secret: str = SECRET) -> str:
    """Sign any bytes, which a token library would not do."""
    parts = [base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, payload)]
    signature = hmac.digest(secret.encode(), b".".join(parts), "sha256")
    parts.append(base64.urlsafe_b64encode(signature).rstrip(b"="))
    return b".".join(parts).decode()
