"""The SQL of lists: one statement for each set of filters, sort order and kind of cursor.

A page is read along the index of its sort order. A filter on a column that is not in the index
makes PostgreSQL read more rows, but only rows of the user.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ClauseElement,
    Column,
    ColumnElement,
    DateTime,
    FromClause,
    Select,
    Text,
    UnaryExpression,
    Uuid,
    bindparam,
    false,
    func,
    select,
    tuple_,
    union_all,
)

from . import search
from .cursors import PageCursor, SortValue
from .fields import PRIORITIES, start_of
from .models import tasks, users
from .page_sizes import paged, running_size, with_user
from .rows import kept
from .schemas import Task
from .trash import DELETED_COUNT, deleted_tasks

_INSTANT = DateTime(timezone=True)
_AFTER_ID = bindparam("after_id", type_=Uuid)
_ROW_LIMIT = bindparam("row_limit", type_=BigInteger)
_STATEMENTS_KEPT = 512
"""How many statements are kept. There are thousands of combinations, of which few are in use."""


def _filters(rows: FromClause) -> dict[str, ColumnElement[bool]]:
    has_labels = rows.c.labels.bool_op("@>")(bindparam("labels", type_=ARRAY(Text)))
    return {
        "completed": rows.c.completed == bindparam("completed", type_=Boolean),
        "q": search.finds(rows.c.title, rows.c.description),
        "due_before": rows.c.due_at < bindparam("due_before", type_=_INSTANT),
        "due_after": rows.c.due_at >= bindparam("due_after", type_=_INSTANT),
        # For the planner, as in `search.finds`.
        "labels": func.coalesce(has_labels, false()),
    }


_FILTERS = _filters(tasks)
_KINDS: dict[str, type[SortValue]] = {"priority": int, "position": str}


class TaskQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The filters and the sort order of a list. A filter that is None is not set."""

    completed: bool | None
    q: str | None
    """The `words` of a search."""
    due_before: datetime | None
    due_after: datetime | None
    sort: str
    labels: tuple[str, ...] | None = None
    """Labels that a task has, all of them."""
    deleted: bool = False
    """True for the deleted tasks that can be restored."""

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

    @property
    def kind(self) -> type[SortValue]:
        """The type of the values by which the list is sorted."""
        return _KINDS.get(self.column.name, datetime)

    def value_of(self, task: Task) -> SortValue | None:
        """Return the value by which a task is sorted. A day is sorted at its beginning in UTC."""
        if self.column is tasks.c.due_at and task.due_on is not None:
            return start_of(task.due_on)
        value: SortValue | None = getattr(task, self.column.name)
        return PRIORITIES.index(task.priority) if self.column is tasks.c.priority else value

    @property
    def ends_with_null(self) -> bool:
        """True if the list can end with tasks without a value to sort by."""
        filtered = self.due_before is not None or self.due_after is not None
        return bool(self.column.nullable) and not (self.column is tasks.c.due_at and filtered)

    @property
    def scope(self) -> str:
        """The text to which a cursor is bound. Instants are in UTC, however they were written.

        Without the filters that version 0.2 does not have, it is the same as in that version.
        """
        known = [self.completed, self.q, self.due_before, self.due_after, self.sort]
        values = [
            value.astimezone(UTC) if isinstance(value, datetime) else value
            for value in (
                *known,
                *([self.labels] if self.labels else []),
                *(["deleted"] if self.deleted else []),
            )
        ]
        return msgspec.json.encode(values).decode()


def select_page(query: TaskQuery, after: PageCursor | None, *, sized: bool) -> ClauseElement:
    """Return the statement for a page. Rows are `(epoch, last, *task columns)`.

    A page of deleted tasks has `deleted_count`, too. `last` is the last revision of the user. The
    task columns are those of `with_user`. All values are of one snapshot. If no task matches, there
    is one row, whose task columns are null.
    """
    return _select_page(
        _Shape(
            frozenset(query.filters),
            query.sort,
            None if after is None else after.value is not None,
            query.ends_with_null,
            query.deleted,
        ),
        sized,
    )


class _Shape(NamedTuple):
    """What the query of a page depends on, besides the values of its parameters."""

    filters: frozenset[str]
    sort: str
    after_value: bool | None
    """Whether the cursor has a value. None without a cursor."""
    ends_with_null: bool
    deleted: bool

    def of(self, rows: FromClause) -> tuple[ColumnElement[Any], ColumnElement[bool]]:
        """Return the column that sorts rows, and the condition that they follow the cursor."""
        column, descends = rows.c[self.sort.removeprefix("-")], self.sort.startswith("-")
        if self.after_value is False:
            return column, _after(rows.c.id, _AFTER_ID, descends)
        after = bindparam("after_value", type_=column.type), _AFTER_ID
        return column, _after(tuple_(column, rows.c.id), tuple_(*after), descends)


@lru_cache(_STATEMENTS_KEPT)
def _select_page(shape: _Shape, sized: bool) -> ClauseElement:
    rows = (_deleted_page(shape) if shape.deleted else _page(shape)).subquery("page")
    if sized:
        rows = select(rows, running_size(rows, _order_by(shape.sort, rows))).subquery("sized")
    counted = [DELETED_COUNT] if shape.deleted else []
    statement = with_user(rows, users.c.epoch, users.c.revision.label("last"), *counted)
    return statement.order_by(*_order_by(shape.sort, rows))


def _page(shape: _Shape) -> Select[Any]:
    found = kept(tasks, *paged(tasks)).where(*(_FILTERS[name] for name in sorted(shape.filters)))
    column, is_after = shape.of(tasks)
    with_value = found if shape.after_value is None else found.where(is_after)
    if not shape.ends_with_null:
        return _limited(with_value, shape.sort)
    without = found.where(column.is_(None))
    if shape.after_value is False:
        return _limited(without.where(is_after), shape.sort)
    # The list has tasks without a value last in both directions, and an index only in one. So
    # tasks with and without one are read separately.
    with_value = _limited(with_value.where(column.is_not(None)), shape.sort)
    rows = union_all(with_value, _limited(without, shape.sort)).subquery("branches")
    return select(rows).order_by(*_order_by(shape.sort, rows)).limit(_ROW_LIMIT)


def _deleted_page(shape: _Shape) -> Select[Any]:
    # No index has these orders: a user has a limited number of deleted tasks.
    rows = deleted_tasks().subquery("trash")
    filters = _filters(rows)
    found = select(*paged(rows)).where(*(filters[name] for name in sorted(shape.filters)))
    column, is_after = shape.of(rows)
    if shape.after_value is False:
        found = found.where(column.is_(None), is_after)
    elif shape.after_value:
        found = found.where(is_after | column.is_(None) if shape.ends_with_null else is_after)
    return found.order_by(*_order_by(shape.sort, rows)).limit(_ROW_LIMIT)


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
