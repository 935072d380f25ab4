"""A connection for signals between processes, which runs no request's statement."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import asyncpg

from ...lasting_event import LastingEvent
from ..wall.citus import layout_of
from ..wall.layout import Layout
from ..wall.policies import ROLE, SETTING
from ..wall.tables import Wall
from .errors import translate_driver_errors
from .pool import CLOSE_SECONDS, TIMEOUT_SECONDS, TIMEOUTS
from .url import DatabaseUrl

_OWNERS, _VALUES = "app.owners", "app.values"
"""Settings of a transaction, which hold what goes into the loop and what comes out."""
_LOOP = f"""
DO $loop$
DECLARE
    _owner text;
    _values text[] := ARRAY[]::text[];
BEGIN
    FOREACH _owner IN ARRAY
        ARRAY(SELECT json_array_elements_text(current_setting('{_OWNERS}')::json))
    LOOP
        EXECUTE format('SET LOCAL {SETTING} = %L', _owner);
        _values := _values || COALESCE(({{expression}})::text, '');
    END LOOP;
    PERFORM set_config('{_VALUES}', array_to_string(_values, ','), true);
END $loop$
"""
_NOTIFY = "SELECT pg_notify($1, message) FROM unnest($2::text[]) AS message"


class Watch:
    """A connection as the login. After an error it cannot be used again."""

    def __init__(self, connection: asyncpg.Connection, layout: Layout) -> None:
        self._connection = connection
        self._layout = layout

    async def integer_of_each(
        self, user_ids: Sequence[str], expression: str
    ) -> dict[str, int | None]:
        """Return the value of an SQL expression for each of many users, in one statement.

        In the expression, `_owner` is the user's id. It is evaluated as the role of users, with one
        user after the other in the setting of the policies. So no role needs to see the rows of all
        users, and servers of the version before find no right that they do not know.
        """
        begin = self._layout.begin_housekeeping(ROLE, None)
        await self._connection.execute(begin, timeout=TIMEOUT_SECONDS)
        owners = "SELECT set_config($1, $2, true)"
        await self._value(owners, _OWNERS, json.dumps(user_ids, ensure_ascii=False))
        await self._connection.execute(_LOOP.format(expression=expression), timeout=TIMEOUT_SECONDS)
        values = await self._value("SELECT current_setting($1)", _VALUES)
        await self._connection.execute("COMMIT", timeout=TIMEOUT_SECONDS)
        each = (int(value) if value else None for value in values.split(","))
        return dict(zip(user_ids, each, strict=True))

    async def channel(self) -> str:
        """Return the name of the channel of this schema of the database."""
        schema = await self._value("SELECT current_schema()")
        return f"taskward_{hashlib.blake2b(schema.encode(), digest_size=8).hexdigest()}"

    async def listen(self, channel: str, received: Callable[[str], None]) -> None:
        """Call `received` with each message on a channel."""

        def receive(_: object, __: int, ___: str, message: object) -> None:
            received(str(message))

        await self._connection.add_listener(channel, receive)

    async def notify(self, channel: str, messages: Sequence[str]) -> None:
        """Send messages on a channel, in one transaction."""
        await self._connection.fetch(_NOTIFY, channel, messages, timeout=TIMEOUT_SECONDS)

    async def lost(self) -> None:
        """Wait until the connection is lost."""
        lost = asyncio.Event()
        self._connection.add_termination_listener(lambda _: lost.set())
        if not self._connection.is_closed():
            await lost.wait()

    async def _value(self, sql: str, *arguments: str) -> str:
        value: str = await self._connection.fetchval(sql, *arguments, timeout=TIMEOUT_SECONDS)
        return value


@asynccontextmanager
async def watching(url: DatabaseUrl, wall: Wall, outage: LastingEvent) -> AsyncIterator[Watch]:
    """Open a connection for signals. Raises `DatabaseUnavailableError`."""
    with translate_driver_errors(outage):
        # Without prepared statements, the same connection works behind a pooler.
        arguments = {**TIMEOUTS, **url.for_driver, "statement_cache_size": 0}
        connection = await asyncpg.connect(**arguments)
        try:
            yield Watch(connection, await layout_of(connection.fetchval, wall))
        finally:
            await connection.close(timeout=CLOSE_SECONDS)
