"""Indexes that are built while others read and write the table."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

_IS_INVALID = sa.text(
    "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid)"
)


def create_index(
    name: str, table: str, columns: Sequence[str], *, where: str | None = None
) -> None:
    """Build an index in a migration, outside of a transaction, so that no user waits for it.

    `where` is the condition of a partial index. It can be run again: an existing index stays. An
    invalid index, which an interrupted build leaves, costs every write and serves no read, so it is
    dropped and rebuilt.
    """
    with op.get_context().autocommit_block():
        if op.get_bind().scalar(_IS_INVALID, {"name": name}):
            op.drop_index(name, postgresql_concurrently=True)
        op.create_index(
            name,
            table,
            columns,
            postgresql_concurrently=True,
            postgresql_where=where and sa.text(where),
            if_not_exists=True,
        )
