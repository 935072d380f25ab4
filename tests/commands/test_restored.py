"""`restored`: every user gets a new epoch, whichever login owns the tables."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import make_url

from app.database.driver.pool import TIMEOUTS
from app.database.driver.url import DatabaseUrl
from tests.support.pgbouncer import pgbouncer
from tests.support.taskward import Taskward
from tests.support.tokens import SECRET

# The login is not a superuser: row-level security applies to it, although it owns the tables.
MAKE_LOGIN = (
    "CREATE ROLE {name} LOGIN NOINHERIT PASSWORD 'x'; GRANT ALL ON SCHEMA public TO {name};"
    "GRANT taskward_app, taskward_purge TO {name}"
)
SLOW_UPDATES = """
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN PERFORM pg_sleep(0.4); RETURN NEW; END $$;
CREATE TRIGGER wait BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION wait()
"""


@pytest.fixture
def administrator(empty_database: DatabaseUrl) -> str:
    return empty_database.text


@pytest.fixture
def owner(empty_database: DatabaseUrl, administrator: str) -> Iterator[str]:
    """Create a login that owns the tables and has no other privileges; yield its URL."""
    name = f"owner_{uuid4().hex}"
    execute(administrator, MAKE_LOGIN.format(name=name))
    url = empty_database.for_sqlalchemy.set(drivername="postgresql", username=name, password="x")
    yield url.render_as_string(False)
    execute(administrator, f"DROP OWNED BY {name}; DROP ROLE {name}")


def execute(url: str, sql: str) -> list[asyncpg.Record]:
    async def run() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(url)
        try:
            if sql.startswith("SELECT"):
                return list(await connection.fetch(sql))
            await connection.execute(sql)
            return []
        finally:
            await connection.close()

    return asyncio.run(run())


def users_of(url: str) -> dict[str, tuple[object, object]]:
    rows = execute(url, "SELECT id, revision, epoch FROM users")
    return {row["id"]: (row["revision"], row["epoch"]) for row in rows}


def test_every_user_gets_a_new_epoch_despite_row_level_security(
    taskward: Taskward, administrator: str, owner: str
) -> None:
    settings = {"DATABASE_URL": owner, "BETTER_AUTH_SECRET": SECRET}
    assert taskward.run("migrate", **settings).status == 0
    execute(administrator, "INSERT INTO users (id, revision, task_count) VALUES ('ada', 7, 0)")
    execute(administrator, "INSERT INTO users (id, revision, task_count) VALUES ('eve', 1, 0)")
    before = users_of(administrator)
    finished = taskward.run("restored", **settings)
    assert finished.out == "The clients of 2 users will resync from scratch.\n"
    after = users_of(administrator)
    assert {user: revision for user, (revision, _) in after.items()} == {
        "ada": 1_000_000_007,
        "eve": 1_000_000_001,
    }
    assert {epoch for _, epoch in before.values()} & {epoch for _, epoch in after.values()} == set()
    assert users_of(owner) == {}
    assert taskward.run("doctor", **settings).status == 0


def test_many_users_may_take_longer_than_any_other_statement(
    taskward: Taskward, administrator: str, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taskward.run("migrate", DATABASE_URL=owner)
    execute(administrator, "INSERT INTO users (id, revision, task_count) VALUES ('ada', 7, 0)")
    execute(administrator, SLOW_UPDATES)
    execute(administrator, f"ALTER ROLE {make_url(owner).username} SET statement_timeout = 250")
    monkeypatch.setitem(TIMEOUTS, "command_timeout", 0.25)
    finished = taskward.run("restored", DATABASE_URL=owner)
    assert finished.out == "The clients of 1 users will resync from scratch.\n"


def test_a_login_that_does_not_own_the_tables_is_told_so(
    taskward: Taskward, administrator: str, owner: str
) -> None:
    taskward.run("migrate", DATABASE_URL=administrator)
    execute(administrator, "INSERT INTO users (id, revision, task_count) VALUES ('ada', 7, 0)")
    finished = taskward.run("restored", DATABASE_URL=owner)
    assert finished.status == 1
    assert "lacks a privilege (permission denied for table taskward_version)" in finished.err
    assert "Traceback" not in finished.err
    execute(administrator, "GRANT SELECT ON taskward_version TO PUBLIC")
    before = users_of(administrator)
    finished = taskward.run("restored", DATABASE_URL=owner)
    assert (finished.status, finished.out) == (1, "")
    assert "the login does not own the tables" in finished.err
    assert users_of(administrator) == before


def test_a_database_of_another_version_is_left_alone(
    taskward: Taskward, administrator: str
) -> None:
    finished = taskward.run("restored", DATABASE_URL=administrator)
    assert (finished.status, finished.out) == (1, "")
    assert "Run python -m app migrate" in finished.err


@pytest.mark.parametrize("has_pooler", [False, True])
def test_doctor_remarks_on_a_database_without_users(
    taskward: Taskward, administrator: str, owner: str, has_pooler: bool
) -> None:
    """Row-level security hides all users even from the owner of the tables."""
    taskward.run("migrate", DATABASE_URL=owner)
    settings = {"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": owner}
    with ExitStack() as running:
        if has_pooler:
            pooled = running.enter_context(pgbouncer(DatabaseUrl(owner), size=2))
            settings |= {"DATABASE_URL": pooled.text, "DATABASE_POOLER": "transaction"}
        finished = taskward.run("doctor", **settings)
        remark = "ok    users      no users yet. If you restored a backup, it went into"
        assert remark in finished.out
        assert finished.status == 0
        execute(administrator, "INSERT INTO users (id, revision, task_count) VALUES ('ada', 1, 0)")
        assert "ok    users      the database has users\n" in taskward.run("doctor", **settings).out
