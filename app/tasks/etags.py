"""Entity tags (RFC 9110). A task's is its revision; a list's is the state of all user data."""

import re
from uuid import UUID

# The contract's pattern was checked before: the header has only tags and commas, or an asterisk.
_TAG = re.compile(r'"[^"]*"')
# No revision has more digits.
_STRONG_REVISION = re.compile(r'(?<!W/)"([1-9][0-9]{0,17})"(?=[ \t,]|$)')


def task_etag(revision: int) -> str:
    """Return the tag of a task. It is strong, because a revision identifies the exact bytes."""
    return f'"{revision}"'


def list_etag(epoch: UUID | None, revision: int) -> str:
    """Return the tag of every list of a user. It is weak, and changes with any change of a task.

    `epoch` differs before and after an erasure, and is None for a user without data.
    """
    return f'W/"{epoch.hex if epoch else "none"}-{revision}"'


def is_current(etag: str, if_none_match: str | None) -> bool:
    """Return whether the client already has this version (weak comparison)."""
    if if_none_match is None:
        return False
    return if_none_match == "*" or (etag.removeprefix("W/") in _TAG.findall(if_none_match))


def expected_revisions(if_match: str | None) -> list[int] | None:
    """Return the revisions that `If-Match` allows (strong comparison), or None for any."""
    if if_match is None or if_match == "*":
        return None
    return [int(revision) for revision in _STRONG_REVISION.findall(if_match)]
