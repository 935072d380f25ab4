"""The second wall: it shows one user's rows, and every hole in it is found and named."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import pool
from app.database.audit import find_holes, holes_seen_by
from app.database.database import Database
from app.database.errors import CommitError, DatabaseUnavailableError, StatementError
from app.database.migrate import migrate
from app.database.role import RoleRefusedError, ensure_roles
from app.database.url import DatabaseUrl
from app.database.wall import OWNER_COLUMNS, ROLE, ROLES, prelude
from app.tasks.models import metadata
from app.tasks.schemas import TaskInput
from app.tasks.store import TaskStore
from tests.empty_database import make_empty_database

COUNT = text("SELECT count(*) FROM tasks")


@pytest.fixture(scope="module")
async def database_url(database_url: DatabaseUrl) -> AsyncIterator[DatabaseUrl]:
    """A database of these tests alone: their changes lock tables that others would wait for."""
    async with make_empty_database(database_url) as url:
        database = Database(url, pool_size=1)
        await migrate(database)
        await database.close()
        yield url


@pytest.fixture
async def database(database_url: DatabaseUrl) -> AsyncIterator[Database]:
    database = Database(database_url, pool_size=2)
    yield database
    await database.close()


@pytest.fixture
async def login(database: Database) -> AsyncIterator[AsyncConnection]:
    """A transaction of the login, whose changes nobody else ever sees."""
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="READ COMMITTED")
        yield connection
        await connection.rollback()


async def hide_roles(connection: AsyncConnection) -> None:
    """Let there be no such roles; to drop them is not possible while other databases use them."""
    for role in ROLES:
        await connection.execute(text(f"ALTER ROLE {role} RENAME TO {role}_gone"))


async def create(database: Database, user: str) -> None:
    await TaskStore(database.session(user)).create(TaskInput(title="x"), max_tasks=9)


async def counted(database: Database, user: str) -> int:
    async with database.user_transaction(user) as transaction:
        return int((await transaction.read(COUNT))[0][0])


async def run(database: Database, user: str, command: str) -> None:
    async with database.user_transaction(user) as transaction:
        await transaction.change(text(command))


async def test_every_table_is_behind_the_wall_and_its_owner_is_known(
    database: Database,
) -> None:
    assert set(OWNER_COLUMNS) == set(metadata.tables)
    for table, owner in OWNER_COLUMNS.items():
        assert next(iter(metadata.tables[table].primary_key)).name == owner
    assert await find_holes(database) == []


async def test_a_transaction_of_a_user_sees_the_rows_of_that_user_only(database: Database) -> None:
    ada, eve = f"ada {uuid4()}", f"eve {uuid4()}"
    await create(database, ada)
    assert await counted(database, ada) == 1
    assert await counted(database, eve) == 0


async def test_without_a_user_there_is_nothing_to_be_seen(
    database: Database, login: AsyncConnection
) -> None:
    await create(database, f"ada {uuid4()}")
    await login.execute(text(f"SET LOCAL ROLE {ROLE}"))
    for setting in ("", None):
        if setting is not None:
            await login.execute(text("SET LOCAL app.user_id = ''"))
        assert (await login.execute(COUNT)).scalar_one() == 0


async def test_nothing_of_a_user_is_left_on_a_connection(database_url: DatabaseUrl) -> None:
    database = Database(database_url, pool_size=1)
    await create(database, f"ada {uuid4()}")
    async with database.transaction() as connection:
        left = await connection.execute(
            text("SELECT current_user = session_user, current_setting('app.user_id', true)")
        )
        assert tuple(left.one()) in {(True, ""), (True, None)}
    await database.close()


async def test_a_row_of_another_user_cannot_be_written(database: Database) -> None:
    ada, eve = f"ada {uuid4()}", f"eve {uuid4()}"
    await create(database, ada)
    with pytest.raises(StatementError, match="InsufficientPrivilege"):
        await run(
            database, eve, f"INSERT INTO users (id, revision, task_count) VALUES ('{ada}', 1, 1)"
        )
    await create(database, eve)
    with pytest.raises(StatementError, match="InsufficientPrivilege"):
        await run(database, eve, f"UPDATE tasks SET user_id = '{ada}'")
    assert await counted(database, ada) == 1
    assert await counted(database, eve) == 1


@pytest.mark.parametrize("command", ["TRUNCATE tasks", "DROP TABLE tasks", "TABLE alembic_version"])
async def test_the_role_can_do_nothing_but_read_and_write_rows(
    database: Database, command: str
) -> None:
    with pytest.raises(StatementError, match="InsufficientPrivilege"):
        await run(database, "ada", command)


# What a user id cannot have is refused long before; what it can have must reach the setting.
user_ids = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=255
)


async def test_the_user_id_reaches_the_database_as_it_is(login: AsyncConnection) -> None:
    driver = (await login.get_raw_connection()).driver_connection
    assert isinstance(driver, asyncpg.Connection)
    loop = asyncio.get_running_loop()

    async def setting(user: str) -> object:
        await driver.execute(prelude(user))
        try:
            return await driver.fetchval("SELECT current_setting('app.user_id')")
        finally:
            await driver.execute("ROLLBACK")

    @settings(max_examples=300, deadline=None, database=None, derandomize=True)
    @given(user_ids)
    def reaches(user: str) -> None:
        assert asyncio.run_coroutine_threadsafe(setting(user), loop).result(10) == user

    for hostile in ("'", "''; DROP TABLE tasks; --", "\\", "\\'", "$$", "😀" * 255, "é", "e\u0301"):
        assert await setting(hostile) == hostile
    await asyncio.to_thread(reaches)


async def test_an_id_that_cannot_be_written_begins_nothing(database: Database) -> None:
    with pytest.raises(DatabaseUnavailableError):
        async with database.user_transaction("a\0da"):
            pass
    await create(database, f"ada {uuid4()}")


async def test_a_failed_transaction_is_not_taken_for_a_committed_one(database: Database) -> None:
    async def swallow() -> None:
        async with database.user_transaction("ada") as transaction:
            with suppress(asyncpg.PostgresError):
                await transaction.read(text("SELECT 1 / 0"))

    with pytest.raises(CommitError):
        await swallow()


async def test_a_connection_that_died_in_the_pool_costs_no_request(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = f"ada {uuid4()}"
    monkeypatch.setattr(pool, "RESTED_SECONDS", 0)  # the test does not wait that long
    await asyncio.gather(create(database, ada), create(database, ada))
    async with database.transaction() as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() "
                "AND query LIKE 'WITH owner_row%'"
            )
        )
    await asyncio.gather(create(database, ada), create(database, ada))
    assert await counted(database, ada) == 4


async def test_a_transaction_that_is_given_up_leaves_nothing_behind(
    database_url: DatabaseUrl,
) -> None:
    database, ada = Database(database_url, pool_size=1), f"ada {uuid4()}"

    async def slow() -> None:
        async with database.user_transaction(ada) as transaction:
            await TaskStore(transaction).create(TaskInput(title="x"), max_tasks=9)
            await transaction.read(text("SELECT pg_sleep(5)"))

    for _ in range(3):
        given_up = asyncio.create_task(slow())
        await asyncio.sleep(0.1)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        assert await counted(database, ada) == 0
    await database.close()


HOLES = {
    "DROP POLICY tasks_owner ON tasks": "tasks does not have just the policies",
    "ALTER POLICY tasks_owner ON tasks USING (true)": "tasks does not have just the policies",
    "ALTER POLICY tasks_owner ON tasks WITH CHECK (true)": "tasks does not have just the policies",
    "ALTER POLICY users_owner ON users TO taskward_app": "users does not have just the policies",
    "CREATE POLICY more ON tasks FOR SELECT USING (true)": "tasks does not have just the policies",
    "ALTER TABLE tasks DISABLE ROW LEVEL SECURITY": "row-level security is off on tasks",
    "ALTER TABLE users NO FORCE ROW LEVEL SECURITY": "row-level security is not forced on users",
    "ALTER ROLE taskward_app SUPERUSER": "taskward_app is a superuser",
    "ALTER ROLE taskward_app BYPASSRLS": "taskward_app may bypass row-level security",
    "ALTER ROLE taskward_app LOGIN": "taskward_app may log in",
    "ALTER ROLE taskward_app CREATEROLE": "taskward_app may make roles",
    "ALTER ROLE taskward_app CREATEDB": "taskward_app may make databases",
    "ALTER ROLE taskward_app REPLICATION": "taskward_app may replicate",
    "GRANT pg_read_all_data TO taskward_app": "taskward_app is a member of another role",
    "CREATE TABLE kept (); ALTER TABLE kept OWNER TO taskward_app": "taskward_app owns something",
    "GRANT TRUNCATE ON tasks TO taskward_app": "taskward_app may TRUNCATE on tasks",
    "GRANT REFERENCES (id) ON users TO PUBLIC": "taskward_app may REFERENCES (id) on users",
    "REVOKE INSERT ON tasks FROM taskward_app": "taskward_app may not INSERT on tasks",
    "CREATE TABLE notes (id int); GRANT SELECT ON notes TO taskward_app": "can reach notes",
    "CREATE VIEW everything AS TABLE tasks; GRANT SELECT ON everything TO PUBLIC": (
        "can reach everything"
    ),
    "GRANT SELECT (version_num) ON alembic_version TO taskward_app": "can reach alembic_version",
    "DROP TABLE tasks": "there is no table tasks",
    "ALTER ROLE taskward_app RENAME TO gone": "there is no role taskward_app",
    "ALTER ROLE taskward_purge RENAME TO gone": "there is no role taskward_purge",
    "ALTER POLICY tombstones_purge ON tombstones USING (true)": "tombstones does not have just",
    "ALTER POLICY tombstones_purge ON tombstones TO PUBLIC": "tombstones does not have just",
    "ALTER POLICY users_purge ON users TO taskward_app": "users does not have just the policies",
    "DROP POLICY idempotency_keys_purge ON idempotency_keys": "idempotency_keys does not have just",
    "GRANT SELECT ON users TO taskward_purge": "taskward_purge may SELECT on users",
    "GRANT SELECT ON tasks TO taskward_purge": "taskward_purge may SELECT on tasks",
    "GRANT UPDATE (revision) ON users TO taskward_purge": "taskward_purge may UPDATE (revision)",
    "REVOKE DELETE ON tombstones FROM taskward_purge": "taskward_purge may not DELETE on tombs",
    "GRANT taskward_purge TO taskward_app": "taskward_app is a member of another role",
    "ALTER ROLE taskward_purge BYPASSRLS": "taskward_purge may bypass row-level security",
    "CREATE SCHEMA taskward_app; GRANT USAGE ON SCHEMA taskward_app TO PUBLIC; "
    "CREATE TABLE taskward_app.tasks ()": "taskward_app finds another tasks",
    "SET LOCAL app.user_id = 'ada'": "app.user_id has a value before it is set",
    "CREATE ROLE weak_login; SET LOCAL SESSION AUTHORIZATION weak_login": (
        "the login may not take on the role taskward_app"
    ),
}


@pytest.mark.parametrize("command", HOLES)
async def test_every_hole_is_found_and_named(login: AsyncConnection, command: str) -> None:
    assert await holes_seen_by(login) == []
    for each in command.split("; "):
        await login.execute(text(each))
    assert any(HOLES[command] in hole for hole in await holes_seen_by(login))


async def test_a_login_that_may_not_make_the_role_is_told_what_to_run(
    login: AsyncConnection,
) -> None:
    await login.execute(text('CREATE ROLE "weak Login"'))
    await login.execute(text('SET LOCAL SESSION AUTHORIZATION "weak Login"'))
    with pytest.raises(RoleRefusedError) as missing_grants:
        await ensure_roles(login)
    for role in ROLES:
        assert f'GRANT {role} TO "weak Login";' in str(missing_grants.value)
    assert "CREATE ROLE" not in str(missing_grants.value)

    await login.execute(text("RESET SESSION AUTHORIZATION"))
    await hide_roles(login)
    await login.execute(text('SET LOCAL SESSION AUTHORIZATION "weak Login"'))
    with pytest.raises(RoleRefusedError) as missing_role:
        await ensure_roles(login)
    commands = [line.strip() for line in str(missing_role.value).splitlines() if line.endswith(";")]
    assert len(commands) == 2 * len(ROLES)

    await login.execute(text("RESET SESSION AUTHORIZATION"))
    for command in commands:
        await login.execute(text(command))
    await login.execute(text('SET LOCAL SESSION AUTHORIZATION "weak Login"'))
    await ensure_roles(login)


async def test_a_login_that_may_make_roles_makes_the_role_and_takes_it_on(
    login: AsyncConnection,
) -> None:
    await hide_roles(login)
    await login.execute(text("CREATE ROLE builder CREATEROLE"))
    await login.execute(text("SET LOCAL SESSION AUTHORIZATION builder"))
    await ensure_roles(login)
    for role in ROLES:
        await login.execute(text(f"SET LOCAL ROLE {role}"))
        await login.execute(text("RESET ROLE"))


@pytest.mark.parametrize("powers", ["", "BYPASSRLS", "BYPASSRLS CREATEROLE CREATEDB REPLICATION"])
async def test_it_does_not_matter_what_the_login_may_do(
    database: Database, empty_database: DatabaseUrl, powers: str
) -> None:
    """The owner of the tables, and one like the roles that Neon gives out."""
    name = f"login_{uuid4().hex}"
    base = empty_database.for_sqlalchemy
    async with database.transaction() as connection:
        await connection.execute(text(f"CREATE ROLE {name} LOGIN {powers} PASSWORD '{name}'"))
        await connection.execute(text(f"GRANT {', '.join(ROLES)} TO {name}"))
        await connection.execute(text(f"ALTER DATABASE {base.database} OWNER TO {name}"))
    url = base.set(username=name, password=name, drivername="postgresql")
    own = Database(DatabaseUrl(url.render_as_string(hide_password=False)), pool_size=2)
    try:
        await migrate(own)
        assert await find_holes(own) == []
        await create(own, "ada")
        await create(own, "eve")
        assert (await counted(own, "ada"), await counted(own, "nobody")) == (1, 0)
        async with own.transaction() as connection:
            seen = (await connection.execute(COUNT)).scalar_one()
        assert seen == (2 if "BYPASSRLS" in powers else 0)
    finally:
        await own.close()
        await _drop(empty_database, name)


async def _drop(url: DatabaseUrl, role: str) -> None:
    database = Database(url, pool_size=1)
    async with database.transaction() as connection:
        await connection.execute(text(f"REASSIGN OWNED BY {role} TO CURRENT_USER"))
        await connection.execute(text(f"DROP OWNED BY {role}"))
        await connection.execute(text(f"DROP ROLE {role}"))
    await database.close()


async def test_a_login_that_may_not_take_on_the_role_sees_nothing(
    database: Database, database_url: DatabaseUrl
) -> None:
    name = f"weak_{uuid4().hex}"
    async with database.transaction() as connection:
        await connection.execute(text(f"CREATE ROLE {name} LOGIN PASSWORD '{name}'"))
        await connection.execute(text(f"GRANT SELECT ON tasks TO {name}"))
    url = database_url.for_sqlalchemy.set(username=name, password=name, drivername="postgresql")
    weak = Database(DatabaseUrl(url.render_as_string(hide_password=False)), pool_size=1)
    try:
        with pytest.raises(DatabaseUnavailableError):
            await counted(weak, "ada")
        assert f"the login may not take on the role {ROLE}" in await find_holes(weak)
    finally:
        await weak.close()
        async with database.transaction() as connection:
            await connection.execute(text(f"DROP OWNED BY {name}"))
            await connection.execute(text(f"DROP ROLE {name}"))
