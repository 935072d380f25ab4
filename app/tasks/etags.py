"""Entity tags (RFC 9110): of a task its revision, of a list the state of all that a user has."""

import re
from uuid import UUID

# The contract's pattern has passed; so there is nothing but tags and commas, or an asterisk.
_TAG = re.compile(r'"[^"]*"')
# The revision of no task has more digits.
_STRONG_REVISION = re.compile(r'(?<!W/)"([1-9][0-9]{0,17})"(?=[ \t,]|$)')


def task_etag(revision: int) -> str:
    """The tag of a task: strong, since a revision names the task's very bytes."""
    return f'"{revision}"'


def list_etag(epoch: UUID | None, revision: int) -> str:
    """The tag of every list of a user: weak, and another after any change of the user's.

    The epoch tells the lives of an account apart; a user without a row has none.
    """
    return f'W/"{epoch.hex if epoch else "none"}-{revision}"'


def is_current(etag: str, if_none_match: str | None) -> bool:
    """Tell whether a client has this version already (weak comparison)."""
    if if_none_match is None:
        return False
    return if_none_match == "*" or (etag.removeprefix("W/") in _TAG.findall(if_none_match))


def expected_revisions(if_match: str | None) -> list[int] | None:
    """The revisions that a change may be made to (strong comparison); None for any."""
    if if_match is None or if_match == "*":
        return None
    return [int(revision) for revision in _STRONG_REVISION.findall(if_match)]
