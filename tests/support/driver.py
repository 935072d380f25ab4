"""Listens to what is said to the database driver on behalf of users, and can change it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import asyncpg
import pytest


class Sent(NamedTuple):
    """What the driver was given: one round trip, as it knows statements that it has had before."""

    sql: str
    arguments: tuple[Any, ...]


@contextmanager
def listening(rewrite: Callable[[str], str] = lambda sql: sql) -> Iterator[list[Sent]]:
    """What is yielded grows with each round trip; `rewrite` changes the SQL of each.

    What SQLAlchemy sends itself, for the login, takes another way.
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
            # Whether a connection lives is asked with a time-out, and on behalf of nobody.
            if not options:
                sent.append(Sent(sql, arguments))
            return await methods[name](connection, rewrite(sql), *arguments, **options)

        return method

    with pytest.MonkeyPatch.context() as patch:
        for name in methods:
            patch.setattr(asyncpg.Connection, name, replacement(name))
        yield sent
