"""The constraints of migration 0007 also apply to the rows from before it."""

from alembic import op

revision = "0008"
down_revision = "0007"

_CHECKS = (
    "due_on_finite",
    "labels_count",
    "labels_not_null",
    "labels_length",
    "priority",
    "position",
    "extra_object",
    "extra_size",
)


def upgrade() -> None:
    """Read all rows once. Others can read and write them at the same time."""
    checks = ", ".join(f"VALIDATE CONSTRAINT tasks_{name}_check" for name in _CHECKS)
    op.execute(f"ALTER TABLE tasks {checks}")
