"""Warming: reads rows and indexes into memory, as in a database that has run for a long time."""

from pathlib import Path

import asyncpg

_INDEXES = """
SELECT indrelid::regclass::text,
       (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = indexrelid)
FROM pg_index WHERE indrelid = ANY (ARRAY['users', 'tasks', 'tombstones']::regclass[])
"""


def read_files(cluster: Path) -> None:
    """Read all files once, into the cache of the operating system."""
    for path in (cluster / "base").rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                while file.read(1 << 24):
                    pass


async def scan(connection: asyncpg.Connection) -> None:
    """Scan every index and every table, to fill shared_buffers as far as there is room."""
    await connection.execute("SET enable_sort = off; SET max_parallel_workers_per_gather = 0")
    for table, columns in await connection.fetch(_INDEXES):
        await connection.execute("SET enable_seqscan = off")
        inner = f"SELECT {columns} FROM {table} ORDER BY {columns} OFFSET 0"
        await connection.execute(f"SELECT count(*) FROM ({inner}) entries")
    for table in ("users", "tasks", "tombstones"):
        await connection.execute(
            f"SET enable_seqscan = on; SELECT count(t) FROM {table} t WHERE t IS NOT NULL"
        )
