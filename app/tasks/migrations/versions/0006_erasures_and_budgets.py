"""Erasure in two steps, and what bounds the storage of idempotency keys.

Servers of version 0.2 still serve on this schema, so nothing that they use changes. They do not
read `outcome`: for a key that this version stored, the defaults make them respond 503 with
`Retry-After`, and the client's next attempt reaches a newer server. A later version drops the
columns `status`, `headers` and `body`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_USER = "NULLIF(current_setting('app.user_id', true), '')"
_FOREIGN_KEY = (
    "ALTER TABLE erasures ADD CONSTRAINT erasures_user_id_fkey "
    "FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE"
)


def upgrade() -> None:
    """Add the columns, and the table of erasures that are not finished."""
    distributed = _is_distributed()
    if distributed:
        # All of a transaction over one connection to each machine, as foreign keys need it.
        op.execute("SET LOCAL citus.multi_shard_modify_mode = 'sequential'")
    # First: it takes the strongest lock.
    op.execute(
        "ALTER TABLE users ADD COLUMN erased_revision bigint NOT NULL DEFAULT 0, "
        "ADD COLUMN key_bytes integer NOT NULL DEFAULT 0, "
        "ADD COLUMN key_bytes_since timestamptz NOT NULL DEFAULT now()"
    )
    op.execute(
        "ALTER TABLE idempotency_keys ADD COLUMN outcome bytea, "
        "ADD COLUMN revision bigint NOT NULL DEFAULT 0, "
        "ALTER COLUMN status SET DEFAULT 503, "
        """ALTER COLUMN headers SET DEFAULT '{"Retry-After": "1"}', """
        "ALTER COLUMN body SET DEFAULT ''"
    )
    _create_erasures(distributed=distributed)


def _is_distributed() -> bool:
    connection = op.get_bind()
    has_citus = connection.scalar(sa.text("SELECT to_regclass('pg_dist_partition') IS NOT NULL"))
    is_distributed = (
        "SELECT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = to_regclass('users'))"
    )
    return bool(has_citus and connection.scalar(sa.text(is_distributed)))


def _create_erasures(*, distributed: bool) -> None:
    op.create_table(
        "erasures",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column(
            "requested_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.text("now()"),
        ),
        sa.PrimaryKeyConstraint("user_id", name="erasures_pkey"),
    )
    op.execute("ALTER TABLE erasures ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE erasures FORCE ROW LEVEL SECURITY")
    # Citus accepts no policy with a query in it.
    user = _USER if distributed else f"(SELECT {_USER})"
    op.execute(
        "CREATE POLICY erasures_owner ON erasures "
        f"USING (user_id = {user}) WITH CHECK (user_id = {user})"
    )
    op.execute("CREATE POLICY erasures_purge ON erasures TO taskward_purge USING (true)")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON erasures TO taskward_app")
    op.execute("GRANT SELECT ON erasures TO taskward_purge")
    if distributed:
        op.execute(
            "SELECT create_distributed_table('erasures', 'user_id', colocate_with := 'users')"
        )
    # Without `NOT VALID` this reads the table, which is empty.
    op.execute(_FOREIGN_KEY)
