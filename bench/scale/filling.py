"""Fast filling of a migrated database: indexes and keys are dropped before and rebuilt after it."""

import asyncpg

from bench.errors import BenchError
from bench.operations import DESCRIPTION, DUE_AT, TITLE
from bench.rows import ID_PREFIX, TASKS_OF_A_USER
from bench.scale.population import (
    DAY,
    FIRST,
    HEAVY_TASKS,
    HEAVY_USER,
    MINUTE,
    TOMBSTONES,
    Size,
)

_TABLES = ("tasks", "tombstones")

_CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), contype::text
FROM pg_constraint WHERE conrelid = ANY ($1::text[]::regclass[])
ORDER BY contype <> 'p', conname
"""
_INDEXES = """
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
FROM pg_index WHERE indrelid = ANY ($1::text[]::regclass[]) ORDER BY name
"""
_ID = f"('{ID_PREFIX}' || lpad((u * {TASKS_OF_A_USER} + t)::text, 12, '0'))::uuid"

_USERS = f"""
INSERT INTO users (id, revision, task_count, epoch)
SELECT 'user-' || u, tasks + {TOMBSTONES}, tasks, md5('user-' || u)::uuid
FROM (
    SELECT u, {TASKS_OF_A_USER} FROM generate_series(0, $1::bigint - 1) u
    UNION ALL SELECT {HEAVY_USER}, {HEAVY_TASKS} WHERE $2
) numbers (u, tasks)
"""

# In the order in which all users together create them: the tasks of one user are far apart, and
# every `stride`th is the heavy user's.
_TASKS = f"""
INSERT INTO tasks (user_id, id, title, description, due_at, completed, completed_at, created_at,
                   updated_at, revision)
SELECT 'user-' || u, {_ID}, '{TITLE}, ' || t,
       CASE WHEN t % 4 > 0 THEN '{DESCRIPTION}' END,
       CASE WHEN t % 3 > 0 THEN timestamptz '{DUE_AT}' + t % 100 * interval '1 day' END,
       t % 2 = 1, CASE WHEN t % 2 = 1 THEN made END, made, made, t + 1
FROM (
    SELECT u, t, timestamptz '{FIRST}' + t * minutes * interval '1 minute'
                 + CASE WHEN u < {HEAVY_USER} THEN u ELSE 0 END * interval '1 second'
    FROM generate_series(0, $1::bigint * {TASKS_OF_A_USER} + $2::bigint * {HEAVY_TASKS} - 1) n
    CROSS JOIN LATERAL (
        SELECT {HEAVY_USER}, n / $3::bigint, {MINUTE} WHERE $2 > 0 AND n % $3 = $3 - 1
        UNION ALL
        SELECT (n - $2 * (n / $3)) % $1, (n - $2 * (n / $3)) / $1, {DAY}
        WHERE $2 = 0 OR n % $3 < $3 - 1
    ) numbers (u, t, minutes)
) numbers (u, t, made)
"""

_TOMBSTONES = f"""
INSERT INTO tombstones (user_id, id, revision)
SELECT users.id, gen_random_uuid(), users.task_count + n
FROM generate_series(1, {TOMBSTONES}) n CROSS JOIN users
"""


async def fill(connection: asyncpg.Connection, size: Size) -> None:
    """Fill a database. Raises `BenchError` if the schema differs afterwards."""
    for setting in ("synchronous_commit = off", "maintenance_work_mem = '1GB'"):
        await connection.execute(f"SET {setting}")
    before = await _schema(connection)
    await connection.execute(_USERS, size.users, size.has_heavy_user)
    dropped = await _drop_indexes(connection)
    stride = (size.tasks + HEAVY_TASKS) // HEAVY_TASKS
    await connection.execute(_TASKS, size.users, int(size.has_heavy_user), stride)
    await connection.execute(_TOMBSTONES)
    for command in dropped:
        await connection.execute(command)
    if await _schema(connection) != before:
        raise BenchError("the schema is not what the migrations have made")
    await connection.execute("VACUUM ANALYZE users, tasks, tombstones")
    await connection.execute("CHECKPOINT")


async def _drop_indexes(connection: asyncpg.Connection) -> list[str]:
    """Drop keys and indexes; return the commands that create them again."""
    again = []
    for table, name, definition, kind in await connection.fetch(_CONSTRAINTS, _TABLES):
        if kind in {"p", "f"}:
            await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
            again.append(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
    for name, definition in await connection.fetch(_INDEXES, _TABLES):
        await connection.execute(f"DROP INDEX {name}")
        again.append(definition)
    return again


async def _schema(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    constraints = await connection.fetch(_CONSTRAINTS, _TABLES)
    return [*constraints, *await connection.fetch(_INDEXES, _TABLES)]
