"""The index of lists that are sorted by the last change."""

from app.database.migrations.indexes import create_index

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the index."""
    create_index("tasks_updated", "tasks", ["user_id", "updated_at", "id"])
