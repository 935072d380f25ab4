"""The revisions of many users, without their rows: whether anything has changed for them."""

from collections.abc import Sequence

from ..database.driver.watch import Watch

_REVISION = "SELECT revision FROM users WHERE id = _owner AND revision > erased_revision"


async def read_revisions(watch: Watch, user_ids: Sequence[str]) -> dict[str, int | None]:
    """Return the revision of each user, None for one without data."""
    return await watch.integer_of_each(user_ids, _REVISION)
