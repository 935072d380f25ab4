"""The numbers of a user's tasks, counted in indexes when a client requests them.

Servers of version 0.2, which run during an upgrade, would not keep stored numbers right.
"""

from sqlalchemy import case, exists, func, select

from ..database.driver.statements import OWNER, SET_OWNER
from .models import erasures, tasks, users
from .rows import HAS_DATA, is_kept
from .trash import DELETED_COUNT

_PENDING = (
    select(func.count())
    .select_from(tasks)
    .where(SET_OWNER, tasks.c.user_id == OWNER, ~tasks.c.completed)
)
_IS_BEING_ERASED = exists().where(SET_OWNER, erasures.c.user_id == OWNER)
# The index of `completed` does not show which tasks are erased. Only during an erasure are there
# any, and only then PostgreSQL reads the tasks themselves.
_KEPT_PENDING = case(
    (_IS_BEING_ERASED, _PENDING.where(is_kept(tasks)).scalar_subquery()),
    else_=_PENDING.scalar_subquery(),
)

SELECT_COUNTS = select(
    users.c.task_count,
    _KEPT_PENDING.label("pending_count"),
    DELETED_COUNT,
    users.c.revision,
).where(SET_OWNER, HAS_DATA)
"""Rows are `(task_count, pending_count, deleted_count, revision)`."""
