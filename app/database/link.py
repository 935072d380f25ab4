"""A connection that can tell, without asking, that the database has said something unasked."""

import select

import asyncpg


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
