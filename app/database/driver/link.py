"""A connection that can tell, without asking, that the database has said something unasked."""

import select
from contextlib import suppress

import asyncpg

END_SECONDS = 2
"""How long a cancelled statement, and then the rollback of its transaction, may take to end."""


class Link(asyncpg.Connection):  # type: ignore[misc]  # the driver has no types
    """A connection of the driver; it costs a system call to hear, and a round trip to ask."""

    __slots__ = ()

    def has_heard(self) -> bool:
        """Tell whether something has come that nobody has read: as good as always, its end.

        Only for a connection on which no command is under way.
        """
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))


async def comes_to_rest(connection: Link, error: BaseException) -> bool:
    """Wait until a cancelled statement has ended in PostgreSQL, and roll back its transaction.

    The driver sends its cancel in a task of its own, which `terminate` would drop: the statement
    would go on. The next command waits for that task.
    """
    if connection.is_closed():
        return False
    try:
        if not (connection.is_in_transaction() or isinstance(error, asyncpg.PostgresError)):
            with suppress(asyncpg.InFailedSQLTransactionError):
                await connection.execute("SELECT", timeout=END_SECONDS)
        if connection.is_in_transaction():
            await connection.execute("ROLLBACK", timeout=END_SECONDS)
    except Exception:  # noqa: BLE001 - whatever it is, the connection cannot be used
        return False
    return True
