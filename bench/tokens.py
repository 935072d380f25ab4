"""The tokens of the users under load."""

from datetime import timedelta
from pathlib import Path

from bench import rows
from tests.tokens import token_for

_LIFETIME = timedelta(hours=12)
"""The lifetime of the tokens, longer than a comparison."""


def write_users(path: Path) -> Path:
    """Write the users under load for `load.lua`, one on each line: a token and the ids of tasks."""
    with path.open("w") as file:
        for user in range(rows.USERS_UNDER_LOAD):
            ids = (str(rows.task_id(user, task)) for task in range(rows.TASKS_OF_A_USER))
            file.write(" ".join((token_for(rows.user_name(user), exp=_LIFETIME), *ids)) + "\n")
    return path
