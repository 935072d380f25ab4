"""The index of lists that are sorted by the last change."""

from alembic import context

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the index."""
    context.config.attributes["create_index"](
        "tasks_updated", "tasks", ["user_id", "updated_at", "id"]
    )
