"""A connection that notices without a round trip that the server has closed it."""

import select
from contextlib import suppress

import asyncpg

END_SECONDS = 2
"""How long a cancelled statement may take to end, and how long the rollback after it may take."""


class DriverConnection(asyncpg.Connection):  # type: ignore[misc]  # the driver has no types
    """An asyncpg connection with a cheap check: one system call instead of a round trip."""

    __slots__ = ()

    def has_unread_data(self) -> bool:
        """Return whether the socket has unread data: almost always, the server has closed it.

        Only valid while no command runs on the connection.
        """
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))


async def reset_after_error(connection: DriverConnection, error: BaseException) -> bool:
    """Wait until a cancelled statement has ended in PostgreSQL, then roll back its transaction.

    Return whether the connection can be used again. The driver sends its cancel request in a
    separate task, which `terminate` would drop, and the statement would go on. The next command
    waits for that task.
    """
    if connection.is_closed():
        return False
    try:
        if not (connection.is_in_transaction() or isinstance(error, asyncpg.PostgresError)):
            with suppress(asyncpg.InFailedSQLTransactionError):
                await connection.execute("SELECT", timeout=END_SECONDS)
        if connection.is_in_transaction():
            await connection.execute("ROLLBACK", timeout=END_SECONDS)
    except Exception:  # noqa: BLE001 - after any error, the connection cannot be used
        return False
    return True
