"""Statements of SQLAlchemy as the driver takes them: compiled once, with numbered parameters."""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from sqlalchemy import ClauseElement, Text, bindparam, func, literal_column, select, true
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from app.database.wall import SETTING

OWNER = bindparam("owner", type_=Text)
"""The user whose rows a statement is about."""

_DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # SQLAlchemy's
NAMES_THE_OWNER = (
    select(func.set_config(literal_column(f"'{SETTING}'"), OWNER, true()))
    .scalar_subquery()
    .is_not(None)
)
"""A condition that is always true, and tells row-level security who the owner is.

It stands wherever a statement that can be a transaction of its own reads or writes a table.
PostgreSQL evaluates it before any row, as it depends on none. If it did not, or if it were
forgotten, the policies would let that part of the statement see no row at all.
"""


class Statement(NamedTuple):
    """The text of a statement, the names of its parameters in order, and what is constant."""

    sql: str
    names: tuple[str, ...]
    constants: Mapping[str, object]


@cache
def compiled(statement: ClauseElement) -> Statement:
    """Compile a statement; whoever makes it must keep it, so that it is compiled once."""
    compiler = _DIALECT.statement_compiler(_DIALECT, statement)
    constants = {name: bind.value for name, bind in compiler.binds.items() if not bind.required}
    return Statement(compiler.string, tuple(compiler.positiontup or ()), constants)


def bound(
    statement: Statement, user_id: str, values: Mapping[str, object]
) -> tuple[str, list[object]]:
    """A statement of a user as the driver takes it. Raises `KeyError` where a value is missing."""
    known = {**statement.constants, **values, OWNER.key: user_id}
    return statement.sql, [known[name] for name in statement.names]
