"""The SQL of lists: one statement for each set of filters, sort order and kind of cursor.

A page is read along the index of its sort order. A filter on a column that is not in the index
makes PostgreSQL read more rows, but only rows of the user.
"""

from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    ClauseElement,
    Column,
    ColumnElement,
    DateTime,
    FromClause,
    Select,
    UnaryExpression,
    Uuid,
    bindparam,
    select,
    tuple_,
    union_all,
)

from . import search
from .cursors import PageCursor
from .fields import start_of
from .models import tasks, users
from .page_sizes import running_size, with_user
from .rows import kept
from .schemas import Task
from .statements import COLUMNS

_INSTANT = DateTime(timezone=True)
_FILTERS: dict[str, ColumnElement[bool]] = {
    "completed": tasks.c.completed == bindparam("completed", type_=Boolean),
    "q": search.finds(tasks.c.title, tasks.c.description),
    "due_before": tasks.c.due_at < bindparam("due_before", type_=_INSTANT),
    "due_after": tasks.c.due_at >= bindparam("due_after", type_=_INSTANT),
}
_AFTER_INSTANT = bindparam("after_instant", type_=_INSTANT)
_AFTER_ID = bindparam("after_id", type_=Uuid)
_ROW_LIMIT = bindparam("row_limit", type_=BigInteger)


class TaskQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The filters and the sort order of a list. A filter that is None is not set."""

    completed: bool | None
    q: str | None
    """The `words` of a search."""
    due_before: datetime | None
    due_after: datetime | None
    sort: str

    @property
    def filters(self) -> dict[str, Any]:
        """The filters that are set, by their names."""
        values = {name: getattr(self, name) for name in _FILTERS}
        return {name: value for name, value in values.items() if value is not None}

    def parameters(self) -> dict[str, Any]:
        """Return the statement's parameters for the filters that are set.

        For a search this takes some milliseconds.
        """
        return self.filters | ({"q": search.patterns(self.q)} if self.q is not None else {})

    @property
    def column(self) -> Column[Any]:
        """The column by which the list is sorted."""
        return tasks.c[self.sort.removeprefix("-")]

    def position_of(self, task: Task) -> datetime | None:
        """Return the value by which a task is sorted. A day is sorted at its beginning in UTC."""
        if self.column is tasks.c.due_at and task.due_on is not None:
            return start_of(task.due_on)
        position: datetime | None = getattr(task, self.column.name)
        return position

    @property
    def ends_undated(self) -> bool:
        """True if the list is sorted by due date and can end with tasks without one."""
        filtered = self.due_before is not None or self.due_after is not None
        return self.column is tasks.c.due_at and not filtered

    @property
    def scope(self) -> str:
        """The text to which a cursor is bound. Instants are in UTC, however they were written."""
        values = [
            value.astimezone(UTC) if isinstance(value, datetime) else value
            for value in msgspec.structs.astuple(self)
        ]
        return msgspec.json.encode(values).decode()


def select_page(query: TaskQuery, after: PageCursor | None, *, sized: bool) -> ClauseElement:
    """Return the statement for a page. Rows are `(epoch, last, *task columns)`.

    `last` is the last revision of the user. The task columns are those of `with_user`. All values
    are of one snapshot. If no task matches, there is one row, whose task columns are null.
    """
    dated = None if after is None else after.instant is not None
    filters = frozenset(query.filters)
    return _select_page(filters, query.sort, dated, query.ends_undated, sized)


@cache
def _select_page(
    filters: frozenset[str], sort: str, after_dated: bool | None, ends_undated: bool, sized: bool
) -> ClauseElement:
    rows = _page(filters, sort, after_dated, ends_undated).subquery("page")
    if sized:
        rows = select(rows, running_size(rows, _order_by(sort, rows))).subquery("sized")
    statement = with_user(rows, users.c.epoch, users.c.revision.label("last"))
    return statement.order_by(*_order_by(sort, rows))


def _page(
    filters: frozenset[str], sort: str, after_dated: bool | None, ends_undated: bool
) -> Select[Any]:
    found = kept(tasks, *COLUMNS).where(*(_FILTERS[name] for name in sorted(filters)))
    column, descends = tasks.c[sort.removeprefix("-")], sort.startswith("-")
    after = tuple_(column, tasks.c.id), tuple_(_AFTER_INSTANT, _AFTER_ID)
    dated = found if after_dated is None else found.where(_after(*after, descends))
    if not ends_undated:
        return _limited(dated, sort)
    undated = found.where(column.is_(None))
    if after_dated is False:
        return _limited(undated.where(_after(tasks.c.id, _AFTER_ID, descends)), sort)
    # The list has undated tasks last in both directions, and an index only in one. So dated and
    # undated tasks are read separately.
    branches = union_all(_limited(dated.where(column.is_not(None)), sort), _limited(undated, sort))
    rows = branches.subquery("branches")
    return select(rows).order_by(*_order_by(sort, rows)).limit(_ROW_LIMIT)


def _limited(statement: Select[Any], sort: str) -> Select[Any]:
    return statement.order_by(*_order_by(sort, tasks)).limit(_ROW_LIMIT)


def _after(
    value: ColumnElement[Any], after: ColumnElement[Any], descends: bool
) -> ColumnElement[bool]:
    return value < after if descends else value > after


def _order_by(sort: str, rows: FromClause) -> list[UnaryExpression[Any]]:
    columns = [rows.c[sort.removeprefix("-")], rows.c.id]
    if not sort.startswith("-"):
        return [column.asc() for column in columns]
    # In descending order, PostgreSQL and its indexes have nulls first. The list has them last.
    directed = [column.desc() for column in columns]
    return directed if rows is tasks else [column.nulls_last() for column in directed]
