"""Record the statements that the database driver gets on behalf of users, and change them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import asyncpg
import pytest


class Sent(NamedTuple):
    """The arguments of one call of the driver: one round trip, if the statement is prepared."""

    sql: str
    arguments: tuple[Any, ...]


@contextmanager
def recorded_statements(rewrite: Callable[[str], str] = lambda sql: sql) -> Iterator[list[Sent]]:
    """Yield a list that grows with each round trip. `rewrite` changes the SQL of each.

    Statements that SQLAlchemy itself sends, for the login, are not included.
    """
    sent: list[Sent] = []
    methods = {name: getattr(asyncpg.Connection, name) for name in ("fetch", "execute")}

    def replacement(name: str) -> Callable[..., Any]:
        async def method(
            connection: asyncpg.Connection,
            sql: str,
            *arguments: Any,  # noqa: ANN401 - the driver's
            **options: Any,  # noqa: ANN401 - the driver's
        ) -> Any:  # noqa: ANN401 - the driver's
            # A ping of a connection has a timeout, and no user.
            if not options:
                sent.append(Sent(sql, arguments))
            return await methods[name](connection, rewrite(sql), *arguments, **options)

        return method

    with pytest.MonkeyPatch.context() as patch:
        for name in methods:
            patch.setattr(asyncpg.Connection, name, replacement(name))
        yield sent
