"""Checks of migrations' SQL with Squawk, a linter that knows PostgreSQL's locks."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, event

from tests.support.programs import program

EXCLUDED = (
    "prefer-bigint-over-int",  # the numbers here are bounded
    "prefer-bigint-over-smallint",
    "prefer-robust-stmts",  # a failed migration is rolled back, and an index rebuilt
    "prefer-text-field",  # Alembic's own table
    "require-lock-timeout",  # `migrate` sets it for each transaction
    "require-statement-timeout",  # the wait of others is limited, building an index is not
)


@contextmanager
def listening(connection: Connection) -> Iterator[list[str]]:
    """Yield a list that collects the definitions (ALTER, CREATE, DROP) on the connection."""
    said: list[str] = []

    def listen(_: Connection, __: object, statement: str, *___: object) -> None:
        if statement.split(maxsplit=1)[0] in {"ALTER", "CREATE", "DROP"}:
            said.append(statement)

    event.listen(connection, "before_cursor_execute", listen)
    try:
        yield said
    finally:
        event.remove(connection, "before_cursor_execute", listen)


def lint(*statements: str) -> list[str]:
    """Return the rules that statements break. Without the linter, skip the test, but fail in CI."""
    alone = any("CONCURRENTLY" in each for each in statements)
    finished = subprocess.run(
        [
            program("squawk"),
            "--pg-version=15",
            "--reporter=json",
            f"--exclude={','.join(EXCLUDED)}",
            *([] if alone else ["--assume-in-transaction"]),
        ],
        input=";\n".join((*statements, "")),
        capture_output=True,
        text=True,
        check=False,
    )
    return [fault["rule_name"] for fault in json.loads(finished.stdout or "[]")]
