"""The tokens of the users under load, and the secret that signs them."""

import time
from pathlib import Path

import jwt

from bench import rows

SECRET = "a secret of the benchmark alone, 0123456789"  # noqa: S105 - it protects nothing
LIFE_SECONDS = 12 * 3600


def token_for(user: str, life_seconds: int = LIFE_SECONDS, secret: str = SECRET) -> str:
    """Return a token for a user."""
    now = int(time.time())
    claims = {"sub": user, "iat": now, "exp": now + life_seconds}
    return jwt.encode(claims, secret, algorithm="HS256")


def write_users(path: Path) -> Path:
    """Write the users under load for `load.lua`, one on each line: a token and the ids of tasks."""
    with path.open("w") as file:
        for user in range(rows.USERS_UNDER_LOAD):
            ids = (str(rows.task_id(user, task)) for task in range(rows.TASKS_OF_A_USER))
            file.write(" ".join((token_for(rows.user_name(user)), *ids)) + "\n")
    return path
