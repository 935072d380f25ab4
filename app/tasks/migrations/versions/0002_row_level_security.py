"""Row-level security, and the role that it binds.

The role itself is made before the migrations run: it belongs to the cluster, not to the database.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

_OWNER_COLUMNS = {"users": "id", "tasks": "user_id"}
_USER = "(SELECT NULLIF(current_setting('app.user_id', true), ''))"


def upgrade() -> None:
    """Show each user the rows that are his, and let the role read and write rows only."""
    for table, column in _OWNER_COLUMNS.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY {table}_owner ON {table} "
            f"USING ({column} = {_USER}) WITH CHECK ({column} = {_USER})"
        )
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO taskward_app")
    op.execute(
        "DO $$ BEGIN EXECUTE format("
        "'GRANT USAGE ON SCHEMA %I TO taskward_app', current_schema()); END $$"
    )
