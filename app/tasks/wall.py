"""The wall of the tasks' tables: which rows expire, and what the purge may see and do."""

from pathlib import Path

from ..database.wall.tables import Expiry, OwnedTable, PurgeAccess, Wall

KEYS_EXPIRE = Expiry("created_at", hours=24)
"""How long an idempotency key is valid."""
TOMBSTONES_EXPIRE = Expiry("deleted_at", days=30)
"""How long the change feed reports a deletion."""

WALL = Wall(
    {
        "users": OwnedTable(
            "0001",
            {"id", "revision", "task_count", "epoch", "feed_floor"},
            {"users_pkey", "users_revision_check", "users_task_count_check"},
            PurgeAccess({"SELECT (id)", "SELECT (feed_floor)", "UPDATE (feed_floor)"}),
        ),
        "tasks": OwnedTable(
            "0001",
            {"user_id", "id", "title", "completed_at", "revision"},
            {"tasks_pkey", "tasks_title_not_blank_check", "tasks_completed_at_check"},
        ),
        "idempotency_keys": OwnedTable(
            "0004",
            {"user_id", "operation", "key", "fingerprint", "created_at"},
            {"idempotency_keys_pkey", "idempotency_keys_key_length_check"},
            PurgeAccess({"SELECT", "DELETE"}, KEYS_EXPIRE),
        ),
        "tombstones": OwnedTable(
            "0005",
            {"user_id", "id", "revision", "deleted_at"},
            {"tombstones_pkey", "tombstones_revision_check"},
            # The columns with content are only in expired rows, which this role deletes. Servers of
            # version 0.2 are not ready without the right on the whole table.
            PurgeAccess({"SELECT", "DELETE"}, TOMBSTONES_EXPIRE),
        ),
        "erasures": OwnedTable(
            "0006",
            {"user_id", "revision", "requested_at"},
            {"erasures_pkey"},
            PurgeAccess({"SELECT"}),
        ),
    },
    users="users",
    user_key="id",
    owner_column="user_id",
    migrations=Path(__file__).parent / "migrations",
)
