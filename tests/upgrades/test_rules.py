"""No migration blocks writes for long, or removes what the previous version uses."""

import pytest
from sqlalchemy import Connection, text

from app.database.database import Database
from app.database.driver.url import DatabaseUrl
from app.database.migrations import runner as migrations
from app.database.migrations.runner import migrate
from app.database.wall.tables import Wall
from app.tasks.wall import WALL
from tests.upgrades.linter import lint, listening
from tests.upgrades.steps import REVISIONS, closing, migrate_to
from tests.upgrades.watch import watching


async def test_no_migration_locks_for_long_or_breaks_the_old_version(
    empty_database: DatabaseUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(empty_database, pool_size=1, wall=WALL)
    found: dict[str, list[str]] = {}
    said: dict[str, list[str]] = {revision: [] for revision in REVISIONS}
    step = migrations._step  # noqa: SLF001 - there is no other place to watch each alone

    def watched(connection: Connection, wall: Wall) -> None:
        with watching(connection) as faults, listening(connection) as statements:
            connection.rollback()
            step(connection, wall)
        found[revision], said[revision] = faults, statements

    monkeypatch.setattr(migrations, "_step", watched)
    async with closing(database):
        for revision in REVISIONS:
            await migrate_to(database, revision)
    assert found == {revision: [] for revision in REVISIONS}
    assert {revision: lint(*said[revision]) for revision in REVISIONS} == found


LONG = "nobody can write tasks while all of it is read"
ROWS = "rows of tasks are changed"
REFUSED = {
    "CREATE INDEX planted ON tasks (title)": LONG,
    "CREATE UNIQUE INDEX planted ON tasks (id)": LONG,
    "ALTER TABLE tasks ADD CONSTRAINT planted CHECK (title <> 'x')": LONG,
    "ALTER TABLE tasks ADD CONSTRAINT planted UNIQUE (user_id, revision)": LONG,
    "ALTER TABLE tasks ADD CONSTRAINT planted FOREIGN KEY (user_id) REFERENCES users": LONG,
    "ALTER TABLE tasks ALTER description SET NOT NULL": LONG,
    "ALTER TABLE tasks ALTER revision TYPE numeric": LONG,
    "ALTER TABLE tasks ADD planted uuid DEFAULT gen_random_uuid()": LONG,
    "ALTER TABLE tasks ADD planted int GENERATED ALWAYS AS (length(title)) STORED": LONG,
    "CLUSTER tasks USING tasks_pkey": LONG,
    "UPDATE tasks SET title = 'x'": ROWS,
    "DELETE FROM tasks": ROWS,
    "ALTER TABLE tasks DROP description": "the version before uses tasks.description",
    "ALTER TABLE tasks RENAME description TO planted": "uses tasks.description",
    "ALTER TABLE tasks RENAME TO planted": "uses tasks.title",
    "DROP TABLE tombstones": "uses tombstones.revision",
    "ALTER TABLE tasks ALTER description TYPE varchar": "uses tasks.description",
    "ALTER TABLE tombstones ADD planted text NOT NULL": "inserts rows without tombstones.planted",
}
ALLOWED = [
    "ALTER TABLE tasks ADD planted text",
    "ALTER TABLE tasks ADD planted text NOT NULL DEFAULT 'x'",
    "ALTER TABLE tasks ADD planted timestamptz DEFAULT now()",
    "ALTER TABLE tasks ADD CONSTRAINT planted CHECK (title <> 'x') NOT VALID",
    "ALTER TABLE tasks ADD CONSTRAINT planted FOREIGN KEY (user_id) REFERENCES users NOT VALID",
    "CREATE TABLE planted (user_id text REFERENCES users); CREATE INDEX ON planted (user_id)",
    "CREATE POLICY planted ON tasks USING (true)",
]


async def faults_of(database: Database, command: str) -> list[str]:
    def run(connection: Connection) -> list[str]:
        with watching(connection) as faults:
            for each in command.split("; "):
                connection.execute(text(each))
        return faults

    async with database.engine.connect() as connection:
        await connection.execute(text("INSERT INTO users VALUES ('ada', 1, 1)"))
        await connection.execute(
            text(
                "INSERT INTO tasks (user_id, id, title, description, revision) "
                "VALUES ('ada', gen_random_uuid(), 'y', 'z', 1)"
            )
        )
        faults = await connection.run_sync(run)
        await connection.rollback()
    return faults


async def test_the_rule_refuses_what_it_should_and_nothing_else(
    empty_database: DatabaseUrl,
) -> None:
    database = Database(empty_database, pool_size=1, wall=WALL)
    async with closing(database):
        await migrate(database)
        for command, words in REFUSED.items():
            faults = await faults_of(database, command)
            assert any(words in fault for fault in faults), (command, faults)
        for command in ALLOWED:
            assert (command, await faults_of(database, command)) == (command, [])


def test_the_linter_sees_what_others_would_wait_for() -> None:
    assert lint("CREATE INDEX planted ON tasks (title)") == ["require-concurrent-index-creation"]
    assert lint("ALTER TABLE tasks DROP description") == ["ban-drop-column"]


async def test_a_check_is_added_in_two_steps_that_let_others_write(
    empty_database: DatabaseUrl,
) -> None:
    """Neither the second step, which reads the whole table, nor what relies on it blocks others."""
    database = Database(empty_database, pool_size=1, wall=WALL)
    is_there = "ALTER TABLE tasks ADD CONSTRAINT planted CHECK (due_at IS NOT NULL) NOT VALID"
    async with closing(database):
        await migrate(database)
        async with database.transaction() as connection:
            await connection.execute(text(is_there))
        async with database.engine.connect() as connection:

            def run(connection: Connection) -> list[str]:
                with watching(connection) as faults:
                    connection.execute(text("ALTER TABLE tasks VALIDATE CONSTRAINT planted"))
                connection.commit()
                with watching(connection) as more:
                    connection.execute(text("ALTER TABLE tasks ALTER due_at SET NOT NULL"))
                return faults + more

            assert await connection.run_sync(run) == []
