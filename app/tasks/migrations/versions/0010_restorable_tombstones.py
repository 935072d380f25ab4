"""The index in which the deleted tasks that can be restored are counted."""

from alembic import context

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the index."""
    context.config.attributes["create_index"](
        "tombstones_restorable", "tombstones", ["user_id", "revision"], where="title IS NOT NULL"
    )
