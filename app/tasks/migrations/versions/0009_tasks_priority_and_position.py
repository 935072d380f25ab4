"""The indexes of lists that are sorted by priority and by position."""

from alembic import context

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the indexes."""
    create_index = context.config.attributes["create_index"]
    create_index("tasks_priority", "tasks", ["user_id", "priority", "id"])
    create_index("tasks_position", "tasks", ["user_id", "position", "id"])
