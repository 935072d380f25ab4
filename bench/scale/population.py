"""The users and tasks of a database of some size, as numbers and in SQL.

A task's number is its age rank among the tasks of its user.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from bench.errors import BenchError
from bench.operations import DESCRIPTION, DUE_AT, TITLE
from bench.rows import ID_PREFIX, TASKS_OF_A_USER

HEAVY_USER = 1_000_000
"""The number of the heavy user, who has as many tasks as one user may have."""
HEAVY_TASKS = 100_000
HEAVY_FROM = 1_000_000
"""Databases with at least this many tasks also have the heavy user, besides the others."""
TOMBSTONES = 10
"""Deletions of each user, after all other changes."""
EPOCH = UUID(int=1)
"""The epoch of every user."""
FIRST = datetime(2026, 1, 1, tzinfo=UTC)

_USERS = f"""
INSERT INTO users (id, revision, task_count, epoch)
SELECT 'user-' || u, tasks + {TOMBSTONES}, tasks, '{EPOCH}'
FROM (
    SELECT u, {TASKS_OF_A_USER} FROM generate_series(0, $1::bigint - 1) u
    UNION ALL SELECT {HEAVY_USER}, {HEAVY_TASKS} WHERE $2
) numbers (u, tasks)
"""

# In the order in which all users together create them: the tasks of one user are far apart, and
# those of the heavy user are evenly spread. `part` is the part of a user's tasks that exists then.
_TASKS = f"""
INSERT INTO tasks (user_id, id, title, description, due_at, completed, completed_at, created_at,
                   updated_at, revision)
SELECT 'user-' || u, ('{ID_PREFIX}' || lpad((u * {TASKS_OF_A_USER} + t)::text, 12, '0'))::uuid,
       '{TITLE}, ' || t,
       CASE WHEN t % 4 > 0 THEN '{DESCRIPTION}' END,
       CASE WHEN t % 3 > 0 THEN timestamptz '{DUE_AT}' + t % 100 * interval '1 day' END,
       t % 2 = 1, CASE WHEN t % 2 = 1 THEN made END, made, made, t + 1
FROM (
    SELECT u, t, timestamptz '{FIRST}' + t * interval '1 minute' + u * interval '1 second'
    FROM (
        SELECT u, t, (t + u / $1::float8) / {TASKS_OF_A_USER}
        FROM generate_series(0, {TASKS_OF_A_USER} - 1) t, generate_series(0, $1::bigint - 1) u
        UNION ALL
        SELECT {HEAVY_USER}, t, t / {HEAVY_TASKS}::float8
        FROM generate_series(0, {HEAVY_TASKS} - 1) t WHERE $2
    ) numbers (u, t, part)
    ORDER BY part
) numbers (u, t, made)
"""

_TOMBSTONES = f"""
INSERT INTO tombstones (user_id, id, revision)
SELECT users.id, gen_random_uuid(), users.task_count + n
FROM generate_series(1, {TOMBSTONES}) n CROSS JOIN users
"""

# The commands that drop each key and index, and that create it again.
_INDEXES = """
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname,
              pg_get_constraintdef(oid))
FROM pg_constraint
WHERE conrelid IN ('tasks'::regclass, 'tombstones'::regclass) AND contype IN ('p', 'f')
UNION ALL
SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
FROM pg_index
WHERE indrelid IN ('tasks'::regclass, 'tombstones'::regclass) AND NOT indisprimary
ORDER BY 1
"""


def task_count(user: int) -> int:
    """Return the number of a user's tasks."""
    return HEAVY_TASKS if user == HEAVY_USER else TASKS_OF_A_USER


def created_at(user: int, task: int) -> datetime:
    """Return the time of a task's creation."""
    return FIRST + timedelta(minutes=task, seconds=user)


def has_heavy_user(size: int) -> bool:
    """Return whether a database of so many tasks of ordinary users has the heavy user, too."""
    return size >= HEAVY_FROM


async def fill(connection: asyncpg.Connection, size: int) -> None:
    """Fill a migrated database. To be fast, keys and indexes are dropped before.

    Raises `BenchError` if the keys and indexes differ afterwards.
    """
    population = size // TASKS_OF_A_USER, has_heavy_user(size)
    for setting in ("synchronous_commit = off", "maintenance_work_mem = '1GB'"):
        await connection.execute(f"SET {setting}")
    await connection.execute(_USERS, *population)
    indexes = await connection.fetch(_INDEXES)
    for drop, _ in indexes:
        await connection.execute(drop)
    await connection.execute(_TASKS, *population)
    await connection.execute(_TOMBSTONES)
    for _, create in indexes:
        await connection.execute(create)
    if await connection.fetch(_INDEXES) != indexes:
        raise BenchError("the indexes are not those of the migrations")
    await connection.execute("VACUUM ANALYZE users, tasks, tombstones")
    await connection.execute("CHECKPOINT")
