"""Migrations, SQLAlchemy's tables and the contract describe the same schema."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.database import Database
from app.database.driver.url import DatabaseUrl
from app.database.migrations.runner import is_current, migrate
from app.database.migrations.version import TABLE
from app.tasks.models import metadata
from app.tasks.wall import WALL
from quart_contract import keywords
from quart_contract.document import Document
from tests.tasks.test_create_and_view import WHITE_SPACE

# All definitions of a table, as PostgreSQL's catalogue prints them.
DEFINITIONS = """
SELECT c.relname, con.conname AS name, pg_get_constraintdef(con.oid) AS definition
FROM pg_constraint con JOIN pg_class c ON c.oid = con.conrelid
WHERE c.relnamespace = CAST(CAST(:schema AS text) AS regnamespace)
UNION ALL
SELECT tablename, indexname, replace(indexdef, CAST(:schema AS text) || '.', '')
FROM pg_indexes WHERE schemaname = :schema
UNION ALL
SELECT table_name, column_name,
       concat_ws(' ', data_type, is_nullable, column_default, collation_name)
FROM information_schema.columns WHERE table_schema = :schema
"""


@pytest.fixture
async def connection(database_url: DatabaseUrl) -> AsyncIterator[AsyncConnection]:
    database = Database(database_url, pool_size=1, wall=WALL)
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="READ COMMITTED")
        yield connection
        await connection.rollback()
    await database.close()


async def definitions(connection: AsyncConnection, schema: str) -> set[tuple[Any, ...]]:
    await connection.execute(text(f"SET LOCAL search_path TO {schema}"))
    rows = await connection.execute(text(DEFINITIONS), {"schema": schema})
    # Other tables belong to Alembic and Citus. Alembic itself finds superfluous ones.
    return {tuple(row) for row in rows if row[0] in metadata.tables}


async def test_migrations_and_tables_agree_in_every_definition(
    connection: AsyncConnection,
) -> None:
    await connection.execute(text("CREATE SCHEMA drawn"))
    await connection.execute(text("SET LOCAL search_path TO drawn"))
    await connection.run_sync(metadata.create_all)
    drawn = await definitions(connection, "drawn")
    migrated = await definitions(connection, "public")
    assert drawn == migrated
    assert len(drawn) > 30


async def test_alembic_finds_nothing_to_migrate(connection: AsyncConnection) -> None:
    def differences(connection: Connection) -> list[Any]:
        return list(
            compare_metadata(
                MigrationContext.configure(connection, opts={"version_table": TABLE}), metadata
            )
        )

    assert await connection.run_sync(differences) == []


def test_the_head_revision_is_that_of_the_last_migration() -> None:
    assert ScriptDirectory(str(WALL.migrations)).get_heads() == [WALL.head]


async def test_migrating_twice_at_once_is_safe(database_url: DatabaseUrl) -> None:
    databases = [Database(database_url, pool_size=1, wall=WALL) for _ in range(4)]
    try:
        responses = await asyncio.gather(*(migrate(database) for database in databases))
        assert set(responses) == {WALL.head}
    finally:
        await asyncio.gather(*(database.close() for database in databases))


async def test_an_empty_database_is_migrated_once_by_many(empty_database: DatabaseUrl) -> None:
    databases = [Database(empty_database, pool_size=1, wall=WALL) for _ in range(4)]
    try:
        assert not await is_current(databases[0])
        await asyncio.gather(*(migrate(database) for database in databases))
        assert await is_current(databases[0])
    finally:
        await asyncio.gather(*(database.close() for database in databases))


INSERT = """
WITH owner AS (INSERT INTO users (id, revision, task_count) VALUES ('checked', 1, 1))
INSERT INTO tasks (user_id, id, title, description, revision)
VALUES ('checked', gen_random_uuid(), :title, :description, 1)
"""


async def insert(connection: AsyncConnection, title: str, description: str | None = None) -> None:
    async with connection.begin_nested() as savepoint:
        values = {"title": title, "description": description}
        await connection.execute(text(INSERT), values)
        await savepoint.rollback()


@pytest.mark.parametrize("title", ["", "x" * 201, *(each * 3 for each in WHITE_SPACE)], ids=ascii)
async def test_the_database_rejects_the_titles_the_contract_rejects(
    connection: AsyncConnection, title: str
) -> None:
    with pytest.raises(IntegrityError, match="tasks_title"):
        await insert(connection, title)


async def test_the_database_takes_what_the_contract_takes(
    connection: AsyncConnection, contract: Document
) -> None:
    schemas = contract.tree["components"]["schemas"]
    longest_title = "😀" * schemas["Title"]["maxLength"]
    longest_description = "😀" * schemas["Description"]["maxLength"]
    await insert(connection, longest_title, longest_description)
    await insert(connection, "\u200b")
    with pytest.raises(IntegrityError, match="tasks_title_length"):
        await insert(connection, longest_title + "x")
    with pytest.raises(IntegrityError, match="tasks_description_length"):
        await insert(connection, "x", longest_description + "x")


async def test_the_database_and_the_contract_name_the_same_white_space(
    connection: AsyncConnection, contract: Document
) -> None:
    assert contract.tree["components"]["schemas"]["Title"]["x-not-blank"]
    sql = text("SELECT chr(n) FROM generate_series(1, 65535) n WHERE n NOT BETWEEN 55296 AND 57343")
    characters = {row[0] for row in await connection.execute(sql)}
    blank = {each for each in characters if re.fullmatch(f"[{keywords.WHITE_SPACE}]", each)}
    assert blank == set(WHITE_SPACE)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ("completed = true", "tasks_completed_at"),
        ("completed_at = now()", "tasks_completed_at"),
        ("due_at = 'infinity'", "tasks_due_at_finite"),
        ("due_on = '-infinity'", "tasks_due_on_finite"),
        ("labels = array_fill('x'::text, '{21}')", "tasks_labels_count"),
        ("labels = '{x,NULL}'", "tasks_labels_not_null"),
        ("labels = ARRAY['x', '']", "tasks_labels_length"),
        ("labels = ARRAY['x', repeat('😀', 51)]", "tasks_labels_length"),
        ("labels = ARRAY[E'\\n' || repeat('x', 50)]", "tasks_labels_length"),
        ("priority = 4", "tasks_priority"),
        ("priority = -1", "tasks_priority"),
        ("position = ''", "tasks_position"),
        ("position = repeat('x', 101)", "tasks_position"),
        ("position = 'é'", "tasks_position"),
        ("position = E'x\\n'", "tasks_position"),
        ("extra = '[]'", "tasks_extra_object"),
        ("extra = 'null'", "tasks_extra_object"),
        ("extra = json_build_object('x', repeat('é', 2050))", "tasks_extra_size"),
        ("revision = 0", "tasks_revision"),
    ],
)
async def test_the_database_keeps_rows_consistent(
    connection: AsyncConnection, changes: str, constraint: str
) -> None:
    await connection.execute(text(INSERT), {"title": "x", "description": None})
    with pytest.raises(IntegrityError, match=constraint):
        await connection.execute(text(f"UPDATE tasks SET {changes} WHERE user_id = 'checked'"))


async def test_the_database_keeps_the_longest_values(connection: AsyncConnection) -> None:
    await connection.execute(text(INSERT), {"title": "x", "description": None})
    await connection.execute(
        text(
            """
            UPDATE tasks SET labels = array_fill(E'\\n' || repeat('😀', 49), '{20}'), priority = 3,
                position = repeat(' ~', 50),
                extra = CAST(concat('{"x":"', repeat('é', 2044), '"}') AS json)
            WHERE user_id = 'checked'
            """
        )
    )


async def test_no_task_is_without_its_user(connection: AsyncConnection) -> None:
    with pytest.raises(IntegrityError, match="tasks_user_id_fkey"):
        await connection.execute(
            text(
                "INSERT INTO tasks (user_id, id, title, revision)"
                " VALUES ('nobody', gen_random_uuid(), 'x', 1)"
            )
        )
