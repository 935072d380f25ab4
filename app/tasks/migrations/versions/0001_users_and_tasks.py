"""Users and their tasks."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_INSTANT = sa.DateTime(timezone=True)
_WHITE_SPACE = (
    r"\t\n\x0B\f\r \u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    r"\u2009\u200A\u2028\u2029\u202F\u205F\u3000"
)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "users",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("task_count", sa.Integer, nullable=False),
        sa.Column("epoch", sa.Uuid, nullable=False, server_default=sa.text("gen_random_uuid()")),
        sa.Column("feed_floor", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("created_at", _INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("id", name="users_pkey"),
        sa.CheckConstraint("char_length(id) BETWEEN 1 AND 255", name="users_id_check"),
        sa.CheckConstraint("revision > 0", name="users_revision_check"),
        sa.CheckConstraint("task_count >= 0", name="users_task_count_check"),
    )
    _create_tasks()
    op.create_index("tasks_created", "tasks", ["user_id", "created_at", "id"])
    op.create_index(
        "tasks_completed_created", "tasks", ["user_id", "completed", "created_at", "id"]
    )
    op.create_index("tasks_revision", "tasks", ["user_id", "revision"])
    op.create_index("tasks_due", "tasks", ["user_id", "due_at", "id"])


def _create_tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("due_at", _INSTANT),
        sa.Column("completed", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("completed_at", _INSTANT),
        sa.Column("created_at", _INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.Column("updated_at", _INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "id", name="tasks_pkey"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], ondelete="CASCADE", name="tasks_user_id_fkey"
        ),
        sa.CheckConstraint("char_length(title) BETWEEN 1 AND 200", name="tasks_title_length_check"),
        sa.CheckConstraint(
            f"btrim(title, E'{_WHITE_SPACE}') <> ''", name="tasks_title_not_blank_check"
        ),
        sa.CheckConstraint(
            "char_length(description) <= 10000", name="tasks_description_length_check"
        ),
        sa.CheckConstraint("isfinite(due_at)", name="tasks_due_at_finite_check"),
        sa.CheckConstraint(
            "completed = (completed_at IS NOT NULL)", name="tasks_completed_at_check"
        ),
        sa.CheckConstraint("revision > 0", name="tasks_revision_check"),
    )
