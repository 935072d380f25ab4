"""The users whose data this process has changed, until the other processes are signalled."""

import asyncio
import secrets

from .messages import message_to_all, messages_of

MAX_USERS = 10_000
"""The most users that are kept while signals cannot be sent. Beyond it, all are signalled."""


class Outbox:
    """Collects users, and returns the messages about them."""

    def __init__(self) -> None:
        self.sender = secrets.token_hex(4)
        """The name of this process in messages."""
        self.filled = asyncio.Event()
        """Set while there are users to signal."""
        self._users: set[str] = set()

    def add(self, user_id: str) -> None:
        """Add a user whose data has changed."""
        if len(self._users) <= MAX_USERS:
            self._users.add(user_id)
        self.filled.set()

    def take(self) -> set[str]:
        """Return the users, and forget them."""
        users, self._users = self._users, set()
        self.filled.clear()
        return users

    def restore(self, users: set[str]) -> None:
        """Add users again whose messages may not have been sent."""
        if users:
            self._users |= users
            self.filled.set()

    def messages_of(self, users: set[str]) -> list[str]:
        """Return the messages about users; without users, an empty message."""
        if len(users) > MAX_USERS:
            return message_to_all(self.sender)
        return messages_of(self.sender, users)
