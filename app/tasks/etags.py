"""Entity tags (RFC 9110). A task's is its revision; a list's is the state of all user data.

`If-Match` also accepts the weak form, and those that a compressing proxy makes of a tag. RFC 9110
asks for a strong comparison, which protects changes of parts of a body. A change of a task concerns
its revision, which is the same in each form.
"""

import re
from uuid import UUID

from quart_contract.etags import END_OF_TAG, names_tag

# The contract's pattern was checked before: the header has only tags and commas, or an asterisk.
# No revision has more digits.
_REVISION = re.compile(rf'"([1-9][0-9]{{0,17}}){END_OF_TAG}', re.IGNORECASE)


def task_etag(revision: int) -> str:
    """Return the tag of a task. It is strong, because a revision identifies the exact bytes."""
    return f'"{revision}"'


def list_etag(epoch: UUID | None, revision: int, deleted_count: int | None = None) -> str:
    """Return the tag of every list of a user. It is weak, and changes with any change of a task.

    `epoch` differs before and after an erasure, and is None for a user without data. A list of
    deleted tasks also changes when some of them expire, so its tag has their number.
    """
    counted = "" if deleted_count is None else f"-{deleted_count}"
    return f'W/"{epoch.hex if epoch else "none"}-{revision}{counted}"'


def is_current(etag: str, if_none_match: str | None) -> bool:
    """Return whether the client already has this version (weak comparison)."""
    return names_tag(if_none_match, etag.removeprefix("W/").strip('"'))


def expected_revisions(if_match: str | None) -> list[int] | None:
    """Return the revisions that `If-Match` allows, or None for any."""
    if if_match is None or if_match == "*":
        return None
    return [int(revision) for revision in _REVISION.findall(if_match)]
