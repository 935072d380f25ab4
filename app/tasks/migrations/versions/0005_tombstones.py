"""What is left of deleted tasks, and the role that drops it, and old idempotency keys, in time."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_USER = "(SELECT NULLIF(current_setting('app.user_id', true), ''))"


def upgrade() -> None:
    """Make the table, behind row-level security, and the doors of the role that purges."""
    # First: it takes the strongest lock. Taken after a weaker one of the same table, as the foreign
    # key does, it could be waited for by one whom it waits for.
    op.execute("CREATE POLICY users_purge ON users TO taskward_purge USING (true)")
    op.create_table(
        "tombstones",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.text("now()"),
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name="tombstones_pkey"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], ondelete="CASCADE", name="tombstones_user_id_fkey"
        ),
        sa.CheckConstraint("revision > 0", name="tombstones_revision_check"),
    )
    op.create_index("tombstones_revision", "tombstones", ["user_id", "revision"])
    op.create_index("tombstones_deleted", "tombstones", ["deleted_at"])
    op.execute("ALTER TABLE tombstones ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE tombstones FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tombstones_owner ON tombstones "
        f"USING (user_id = {_USER}) WITH CHECK (user_id = {_USER})"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON tombstones TO taskward_app")
    _let_purge("tombstones", "deleted_at < now() - interval '30 days'")
    _let_purge("idempotency_keys", "created_at < now() - interval '24 hours'")
    op.execute("GRANT SELECT (id, feed_floor), UPDATE (feed_floor) ON users TO taskward_purge")
    op.execute(
        "DO $$ BEGIN EXECUTE format("
        "'GRANT USAGE ON SCHEMA %I TO taskward_purge', current_schema()); END $$"
    )


def _let_purge(table: str, condition: str) -> None:
    op.execute(f"CREATE POLICY {table}_purge ON {table} TO taskward_purge USING ({condition})")
    op.execute(f"GRANT SELECT, DELETE ON {table} TO taskward_purge")
