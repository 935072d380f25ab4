"""More fields of a task, and what a deleted task needs so that it can be restored.

Servers of version 0.2 still serve on this schema. They write neither the new fields nor the content
of a tombstone, so every new column has a default or can be null. They also change `due_at` of a
task for a whole day and leave `due_on`, so no constraint compares the two.
"""

from alembic import op

revision = "0007"
down_revision = "0006"

_CHECKS = {
    "due_on_finite": "isfinite(due_on)",
    "labels_count": "cardinality(labels) <= 20",
    "labels_not_null": "array_position(labels, NULL) IS NULL",
    "labels_length": (
        "labels = '{}' OR NOT jsonb_path_exists("
        """to_jsonb(labels), '$[*] ? (!(@ like_regex "^.{1,50}$" flag "s"))')"""
    ),
    "priority": "priority BETWEEN 0 AND 3",
    "position": "position ~ '^[ -~]{1,100}$'",
    "extra_object": "json_typeof(extra) = 'object'",
    "extra_size": "octet_length(extra::text) <= 4096",
}


def upgrade() -> None:
    """Add the columns. Migration 0008 reads the rows to validate the constraints."""
    op.execute(
        "ALTER TABLE users ADD COLUMN deleted_bytes integer NOT NULL DEFAULT 0, "
        "ADD COLUMN deleted_bytes_since timestamptz NOT NULL DEFAULT now()"
    )
    op.execute(
        "ALTER TABLE tasks ADD COLUMN due_on date, "
        "ADD COLUMN labels text[] NOT NULL DEFAULT '{}', "
        "ADD COLUMN priority smallint NOT NULL DEFAULT 0, "
        'ADD COLUMN position text COLLATE "C", '
        "ADD COLUMN extra json NOT NULL DEFAULT '{}', "
        "ADD COLUMN fingerprint bytea"
    )
    for name, condition in _CHECKS.items():
        op.execute(
            f"ALTER TABLE tasks ADD CONSTRAINT tasks_{name}_check CHECK ({condition}) NOT VALID"
        )
    op.execute(
        "ALTER TABLE tombstones ADD COLUMN title text, "
        "ADD COLUMN description text, "
        "ADD COLUMN due_at timestamptz, "
        "ADD COLUMN due_on date, "
        "ADD COLUMN labels text[], "
        "ADD COLUMN priority smallint, "
        'ADD COLUMN position text COLLATE "C", '
        "ADD COLUMN extra json, "
        "ADD COLUMN completed_at timestamptz, "
        "ADD COLUMN created_at timestamptz, "
        "ADD COLUMN fingerprint bytea"
    )
