"""Entity tags (RFC 9110): of a task its revision, of a list the state of all that a user has."""

import re
from uuid import UUID

from werkzeug.http import parse_etags, unquote_etag

# The revision of no task has more digits.
_REVISION = re.compile("[1-9][0-9]{0,17}")


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
    tag, _ = unquote_etag(etag)
    return if_none_match is not None and parse_etags(if_none_match).contains_weak(tag)


def expected_revisions(if_match: str | None) -> list[int] | None:
    """The revisions that a change may be made to (strong comparison); None for any."""
    if if_match is None:
        return None
    tags = parse_etags(if_match)
    if tags.star_tag:
        return None
    # Of an empty tag, werkzeug makes None.
    return [int(tag) for tag in tags if tag and _REVISION.fullmatch(tag)]
