"""End a page at about 1 MB. PostgreSQL neither reads nor sends the texts after its end.

Adding up the sizes of rows makes an ordinary list a third more expensive for PostgreSQL. So each
page has two statements. The first one adds nothing up, and withholds the long fields of each task
in which they are longer than its share of the page. Only if some were withheld, the second
statement runs and adds up the sizes.
"""

from collections.abc import Awaitable, Callable, Sequence
from operator import itemgetter
from typing import Any, TypeAlias

import asyncpg
from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Text,
    UnaryExpression,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    null,
    select,
    true,
)

from ..database.driver.statements import SET_OWNER
from .fields import shown
from .models import users
from .rows import HAS_DATA
from .schemas import Task

Read: TypeAlias = Callable[..., Awaitable[list[asyncpg.Record]]]
"""Runs a statement with the values of its parameters."""

PAGE_OCTETS = 1_000_000
"""The most octets of UTF-8 that the texts of a page have, before they are encoded as JSON."""
_TITLE_OCTETS = 4 * 200
_LABEL_OCTETS = 4 * 50
_LONG = {"description", "labels", "extra"}
_RUNNING_SIZE = "running_size"
_LONG_OCTETS = "long_octets"
_SHARE = bindparam("share_octets", type_=Integer)
_NONE = literal_column("0", Integer)
_ALL = literal_column(str(PAGE_OCTETS), Integer)
_owner_of = itemgetter("user_id")


def running_size(rows: FromClause, order: Sequence[UnaryExpression[Any]]) -> ColumnElement[int]:
    """Return the octets of the texts of a row and of all rows before it in `order`."""
    size = func.sum(_size(rows)).over(order_by=order, rows=(None, 0))
    return size.label(_RUNNING_SIZE)


def with_user(page: FromClause, *about_user: ColumnElement[Any]) -> Select[Any]:
    """Return a statement for `read_page`. Its rows are `(*about_user, *columns of a task)`.

    A page has the columns of `paged`. Without `running_size` it has all of its rows: in one whose
    long fields are withheld, the owner (`user_id`) is null. With `running_size` it ends with the
    first row beyond the size, whose owner is null.
    """
    if _RUNNING_SIZE in page.c:
        is_shown = page.c[_RUNNING_SIZE] <= _ALL
        joined = users.outerjoin(page, page.c[_RUNNING_SIZE] - _size(page) <= _ALL)
    else:
        is_shown = page.c[_LONG_OCTETS] <= _SHARE
        joined = users.outerjoin(page, true())
    columns = [
        case((is_shown, column), else_=null()).label(column.name)
        if column.name in {"user_id", *_LONG}
        else column
        for column in shown(page)
    ]
    return select(*about_user, *columns).select_from(joined).where(SET_OWNER, HAS_DATA)


async def read_page(
    read: Read,
    statement: Callable[[bool], ClauseElement],
    limit: int,
    **values: object,
) -> tuple[list[asyncpg.Record], bool]:
    """Return at most `limit` rows, and whether there are more after them.

    `statement` returns the statement of the page, with `running_size` if its argument is true.
    """
    values |= {"row_limit": limit + 1, "share_octets": PAGE_OCTETS // (limit + 1) - _TITLE_OCTETS}
    rows = await read(statement(False), **values)
    if _has_task(rows) and None in map(_owner_of, rows):
        rows = await read(statement(True), **values)
    has_more = len(rows) > limit or (_has_task(rows) and _owner_of(rows[-1]) is None)
    return rows[:-1] if has_more else rows, has_more


def _has_task(rows: list[asyncpg.Record]) -> bool:
    return bool(rows) and rows[0]["id"] is not None


def _size(rows: FromClause) -> ColumnElement[int]:
    return func.coalesce(func.octet_length(rows.c.title), _NONE) + rows.c[_LONG_OCTETS]


def paged(rows: FromClause) -> list[ColumnElement[Any]]:
    """Return the columns that the rows of a page need: those of a task, and how long it is.

    PostgreSQL gets the size of a long (TOASTed) text without reading the text. A label counts as
    its greatest length, so that PostgreSQL does not join the labels to measure them.
    """
    labels = func.cardinality(rows.c.labels) * literal_column(str(_LABEL_OCTETS), Integer)
    extra = func.octet_length(cast(rows.c.extra, Text))
    description = func.coalesce(func.octet_length(rows.c.description), _NONE)
    columns = [rows.c[name] for name in Task.__struct_fields__]
    return [*columns, (description + extra + labels).label(_LONG_OCTETS)]
