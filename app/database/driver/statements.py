"""Statements of SQLAlchemy as the driver takes them: compiled once, with numbered parameters."""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    Boolean,
    ClauseElement,
    ColumnElement,
    Text,
    bindparam,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from app.database.wall.policies import SETTING

OWNER = bindparam("owner", type_=Text)
"""The user whose rows a statement is about."""

_DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # SQLAlchemy's
_DISTRIBUTED = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # SQLAlchemy's
_NAMING = (
    select(func.set_config(literal_column(f"'{SETTING}'"), OWNER, true()))
    .scalar_subquery()
    .is_not(None)
)


class _NamesTheOwner(ColumnElement[bool]):
    type = Boolean()
    inherit_cache = True


@compiles(_NamesTheOwner)
def _compile(_: _NamesTheOwner, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    # Citus changes no row in a statement with a volatile function.
    condition = true() if compiler.dialect is _DISTRIBUTED else _NAMING
    return compiler.process(condition, **options)


NAMES_THE_OWNER = _NamesTheOwner()
"""A condition that is always true, and tells row-level security who the owner is.

It stands wherever a statement that can be a transaction of its own reads or writes a table.
PostgreSQL evaluates it before any row, as it depends on none. If it did not, or if it were
forgotten, the policies would let that part of the statement see no row at all. Where the tables
are distributed, the transaction names the owner, and this is just true.
"""


class Statement(NamedTuple):
    """The text of a statement, the names of its parameters in order, and what is constant."""

    sql: str
    names: tuple[str, ...]
    constants: Mapping[str, object]


@cache
def compiled(statement: ClauseElement, *, distributed: bool = False) -> Statement:
    """Compile a statement; whoever makes it must keep it, so that it is compiled once."""
    dialect = _DISTRIBUTED if distributed else _DIALECT
    compiler = dialect.statement_compiler(dialect, statement)
    constants = {name: bind.value for name, bind in compiler.binds.items() if not bind.required}
    return Statement(compiler.string, tuple(compiler.positiontup or ()), constants)


def bound(
    statement: Statement, user_id: str, values: Mapping[str, object]
) -> tuple[str, list[object]]:
    """A statement of a user as the driver takes it. Raises `KeyError` where a value is missing."""
    known = {**statement.constants, **values, OWNER.key: user_id}
    return statement.sql, [known[name] for name in statement.names]
