"""The index of lists that are sorted by the last change."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the index."""
    op.create_index("tasks_updated", "tasks", ["user_id", "updated_at", "id"])
