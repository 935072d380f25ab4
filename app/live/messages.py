"""Messages between processes: whose data has changed, without the ids of users in clear."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Collection, Iterator
from itertools import islice

EVERYONE = "*"
"""Stands for all users, in a message."""
MARKS_IN_A_MESSAGE = 700
"""PostgreSQL limits a message to 8,000 bytes."""
_MARK_LENGTH = 11


def mark_of(user_id: str) -> str:
    """Return the mark of a user in messages: 64 bits of a hash, as 11 characters.

    If two users had the same mark, one of them could be signalled too late, but never too little:
    a signal only says when to look.
    """
    digest = hashlib.blake2b(user_id.encode(), digest_size=8).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def messages_of(sender: str, user_ids: Collection[str]) -> list[str]:
    """Return the messages that users' data has changed: at least one, which can be empty."""
    marks = map(mark_of, user_ids)
    messages = [f"{sender}:{''.join(islice(marks, MARKS_IN_A_MESSAGE))}"]
    while more := "".join(islice(marks, MARKS_IN_A_MESSAGE)):
        messages.append(f"{sender}:{more}")
    return messages


def message_to_all(sender: str) -> list[str]:
    """Return the message that the data of any user can have changed."""
    return [f"{sender}:{EVERYONE}"]


def sender_and_marks(message: str) -> tuple[str, Iterator[str]]:
    """Return the sender of a message, and the marks in it or `EVERYONE`."""
    sender, _, text = message.partition(":")
    if text == EVERYONE:
        return sender, iter([EVERYONE])
    return sender, (text[at : at + _MARK_LENGTH] for at in range(0, len(text), _MARK_LENGTH))
