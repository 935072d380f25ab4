"""SQLAlchemy statements for asyncpg: compiled once, with numbered parameters."""

from collections.abc import Mapping
from functools import lru_cache
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

from ..wall.policies import SETTING

OWNER = bindparam("owner", type_=Text)
"""The parameter for the user whose rows a statement concerns."""

_SET_OWNER_SQL = (
    select(func.set_config(literal_column(f"'{SETTING}'"), OWNER, true()))
    .scalar_subquery()
    .is_not(None)
)


_STATEMENTS_KEPT = 1024


class SetOwner(ColumnElement[bool]):
    """The type of `SET_OWNER`."""

    type = Boolean()
    inherit_cache = True


@compiles(SetOwner)
def _compile(_: SetOwner, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    return compiler.process(_SET_OWNER_SQL, **options)


SET_OWNER = SetOwner()
"""A condition that is always true and sets the owner for row-level security.

It is part of every statement that can be a transaction of its own and reads or writes a table.
PostgreSQL evaluates it before any row, because it depends on none. If PostgreSQL did not, or if a
statement lacked it, the policies would show that part of the statement no row at all. If the tables
are distributed, the transaction sets the owner, and this compiles to `true` (see
`app/database/wall/citus.py`).
"""


class Statement(NamedTuple):
    """The text of a statement, the names of its parameters in order, and the constant values."""

    sql: str
    names: tuple[str, ...]
    constants: Mapping[str, object]


@lru_cache(_STATEMENTS_KEPT)
def compiled(statement: ClauseElement, dialect: PGDialect_asyncpg) -> Statement:
    """Compile a statement. The cache is keyed by identity: build each statement once.

    It is bounded, because clients choose filters and sort orders.
    """
    compiler = dialect.statement_compiler(dialect, statement)
    constants = {name: bind.value for name, bind in compiler.binds.items() if not bind.required}
    return Statement(compiler.string, tuple(compiler.positiontup or ()), constants)


def bound(
    statement: Statement, user_id: str, values: Mapping[str, object]
) -> tuple[str, list[object]]:
    """Return `(sql, arguments)` for the driver. Raises `KeyError` if a value is missing."""
    known = {**statement.constants, **values, OWNER.key: user_id}
    return statement.sql, [known[name] for name in statement.names]
