"""`migrate`, `doctor` and `serve` on databases that are not as expected, whose rows stay."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from uuid import uuid4

import asyncpg
import pytest

from app.database.url import DatabaseUrl
from app.server.listener import Listener
from tests.commands.conftest import QUIET, Taskward
from tests.debian_postgres import plain_server
from tests.pgbouncer import pgbouncer

OWN = "CREATE SCHEMA mine"
FOREIGN_TABLES = """
CREATE TABLE users (id int PRIMARY KEY, email text);
INSERT INTO users VALUES (1, 'ada'), (2, 'bob');
CREATE TABLE tasks (id int PRIMARY KEY, user_id int REFERENCES users);
INSERT INTO tasks VALUES (1, 1)
"""
FOREIGN_VERSION = """
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('{}')
"""
SUPABASE = """
CREATE ROLE {role} NOLOGIN;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO {role};
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC
"""


class Prepared(NamedTuple):
    """A database: how it is made, and what each command says of it (None: all is well)."""

    says: str | None
    sql: str = ""
    create: str = ""
    url: Mapping[str, str | int] = {}
    query: str = ""
    login: str = ""
    migrated: bool = False
    doctor: str | None = ""
    serve: str | None = ""
    """What these say, where that is not the same."""


FOREIGN = "is not Taskward's alone"
LATIN = "TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' ENCODING "
DATABASES: dict[str, Prepared] = {
    "new and empty": Prepared(None),
    "encoding LATIN1": Prepared("has the encoding LATIN1", create=f"{LATIN} 'LATIN1'"),
    "encoding SQL_ASCII": Prepared("has the encoding SQL_ASCII", create=f"{LATIN} 'SQL_ASCII'"),
    "collation C": Prepared(None, create=f"{LATIN} 'UTF8'"),
    "collation of ICU": Prepared(
        None, create="TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'tr' LOCALE 'C.UTF-8'"
    ),
    "isolation repeatable read": Prepared(
        None, "ALTER DATABASE {db} SET default_transaction_isolation = 'repeatable read'"
    ),
    "isolation serializable": Prepared(
        None, "ALTER DATABASE {db} SET default_transaction_isolation = 'serializable'"
    ),
    "read-only by default": Prepared(
        "takes no writes", "ALTER DATABASE {db} SET default_transaction_read_only = on"
    ),
    "a statement time-out": Prepared(None, "ALTER DATABASE {db} SET statement_timeout = '5s'"),
    "another program's version 0001": Prepared(
        FOREIGN, FOREIGN_TABLES + ";" + FOREIGN_VERSION.format("0001")
    ),
    "another program's version 0004": Prepared(
        FOREIGN, FOREIGN_TABLES + ";" + FOREIGN_VERSION.format("0004")
    ),
    "another program's version 0005": Prepared(FOREIGN, FOREIGN_VERSION.format("0005")),
    "another program's version 0006": Prepared(FOREIGN, FOREIGN_VERSION.format("0006")),
    "another program's version a1b2c3": Prepared(FOREIGN, FOREIGN_VERSION.format("a1b2c3d4e5f6")),
    "another program's version, empty": Prepared(
        None, FOREIGN_VERSION.format("x") + "; DELETE FROM alembic_version"
    ),
    "another program's users": Prepared(
        "there is a table users that Taskward did not make",
        "CREATE TABLE users (id int); INSERT INTO users VALUES (1)",
    ),
    "another program's tombstones": Prepared(
        "there is a table tombstones that Taskward did not make", "CREATE TABLE tombstones (id int)"
    ),
    "another program's view tasks": Prepared(
        "there is a table tasks that Taskward did not make", "CREATE VIEW tasks AS SELECT 1 AS id"
    ),
    "another program in public, a schema of one's own": Prepared(
        None,
        f"{OWN}; {FOREIGN_TABLES}; {FOREIGN_VERSION.format('0004')}",
        query="?options=-csearch_path%3Dmine",
    ),
    "another program in public, behind one's own schema": Prepared(
        None,
        f"{OWN}; {FOREIGN_TABLES}; {FOREIGN_VERSION.format('0004')}",
        query="?options=-csearch_path%3Dmine,public",
    ),
    "a schema of one's own that is missing": Prepared(
        "there is no schema for the tables", query="?options=-csearch_path%3Dmine,public"
    ),
    "a schema whose name needs quotes": Prepared(
        None, 'CREATE SCHEMA "My Tasks"', query="?options=-csearch_path%3D%22My%5C%20Tasks%22"
    ),
    "default privileges for others": Prepared(None, SUPABASE),
    "a version that someone has rewritten": Prepared(
        "is no revision of Taskward",
        "UPDATE taskward_version SET version_num = 'hacked'",
        migrated=True,
    ),
    "a table of Taskward is gone": Prepared(
        "there is no table tombstones", "DROP TABLE tombstones", migrated=True
    ),
    "a later version's schema": Prepared(
        None, "UPDATE taskward_version SET version_num = '9999'", migrated=True
    ),
    "rights that someone granted": Prepared(
        None,
        "CREATE ROLE {role}; GRANT SELECT ON tasks TO {role}",
        migrated=True,
        doctor="may SELECT on tasks",
        serve="may SELECT on tasks",
    ),
    "a login without CREATE": Prepared(
        "lacks a right",
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT taskward_app, taskward_purge TO {role}",
        doctor="run python -m app migrate",
        login="{role}",
    ),
    "a login that may not take on the roles": Prepared(
        "may not set up the roles",
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT ALL ON SCHEMA public TO {role}",
        doctor="run python -m app migrate",
        login="{role}",
    ),
    "a login with BYPASSRLS": Prepared(
        None,
        "CREATE ROLE {role} LOGIN PASSWORD 'x' BYPASSRLS; GRANT ALL ON SCHEMA public TO {role};"
        "GRANT taskward_app, taskward_purge TO {role}",
        login="{role}",
    ),
    "a wrong password": Prepared("password authentication failed", url={"password": "hunter2"}),
    "an unknown login": Prepared("password authentication failed", url={"username": "stranger"}),
    "an unknown database": Prepared("does not exist", url={"database": "nosuch"}),
    "an unknown host": Prepared("cannot be reached", url={"host": "nosuch.invalid"}),
    "a port where nothing listens": Prepared("cannot be reached", url={"port": 1}),
    "no connections left": Prepared(
        "too many connections",
        "CREATE ROLE {role} LOGIN PASSWORD 'x' CONNECTION LIMIT 0",
        login="{role}",
    ),
}


@pytest.fixture(scope="module")
def server() -> Iterator[DatabaseUrl]:
    """A PostgreSQL of the machine's own packages, on which there was a Taskward before."""
    with plain_server(more="default_transaction_isolation = 'repeatable read'\n") as url:
        execute(text_of(url), *(f"CREATE ROLE {role} NOLOGIN" for role in ROLES))
        yield url


ROLES = ("taskward_app", "taskward_purge")


def text_of(url: DatabaseUrl, **changes: str | int) -> str:
    changed = url.for_sqlalchemy.set(drivername="postgresql", **changes)  # type: ignore[arg-type]
    return changed.render_as_string(hide_password=False)


def execute(url: str, *commands: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(url)
        for each in commands:
            await connection.execute(each)
        await connection.close()

    asyncio.run(run())


OF_OTHERS = """
SELECT format('%s.%s %s %s %s %s', n.nspname, c.relname, c.relkind, c.relrowsecurity, c.relacl,
              CASE WHEN c.relkind = 'r' THEN query_to_xml(
                  format('SELECT * FROM %I.%I', n.nspname, c.relname), true, true, '')::text END)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('public', 'mine', 'My Tasks') AND c.relkind IN ('r', 'v') ORDER BY 1
"""


def fingerprint(url: str) -> set[str]:
    """Return everything that is in the schemas, with its rows."""

    async def run() -> set[str]:
        connection = await asyncpg.connect(url)
        rows = await connection.fetch(OF_OTHERS)
        await connection.close()
        return {row[0] for row in rows}

    return asyncio.run(run())


@pytest.mark.parametrize("name", DATABASES)
def test_each_command_says_the_same_and_nothing_of_others_changes(
    server: DatabaseUrl, taskward: Taskward, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    prepared = DATABASES[name]
    made = {"db": f"db_{uuid4().hex}", "role": f"role_{uuid4().hex}"}
    execute(text_of(server), f"CREATE DATABASE {made['db']} {prepared.create}")
    administrator = text_of(server, database=made["db"])
    try:
        if prepared.migrated:
            assert taskward.run("migrate", DATABASE_URL=administrator).status == 0
        if prepared.sql:
            execute(administrator, prepared.sql.format(**made))
        before = fingerprint(administrator)
        changes: dict[str, str | int] = {"database": made["db"], **prepared.url}
        if prepared.login:
            changes |= {"username": prepared.login.format(**made), "password": "x"}
        url = text_of(server, **changes) + prepared.query
        _check(taskward, monkeypatch, prepared, url)
        assert before <= fingerprint(administrator)
    finally:
        execute(text_of(server), f"DROP DATABASE {made['db']} WITH (FORCE)")


def _close(_: object, listener: Listener) -> None:
    for each in listener.sockets.insecure_sockets:
        each.close()


def _check(
    taskward: Taskward, monkeypatch: pytest.MonkeyPatch, prepared: Prepared, url: str
) -> None:
    settings = QUIET | {"DATABASE_URL": url}
    # All that comes before a server listens.
    monkeypatch.setattr("app.commands.worker.answer", _close)
    doctor = prepared.says if prepared.doctor == "" else prepared.doctor
    serve = prepared.says if prepared.serve == "" else prepared.serve
    for command, says in (("migrate", prepared.says), ("doctor", doctor), ("serve", serve)):
        finished = taskward.run(command, **settings)
        said = finished.out + finished.err
        assert finished.status == (0 if says is None else 1), (command, said)
        assert says is None or says in said, (command, said)
        assert "Traceback" not in said
        assert "hunter2" not in said
        assert len(said.splitlines()) < 30


def test_a_standby_is_refused(taskward: Taskward, monkeypatch: pytest.MonkeyPatch) -> None:
    with plain_server(standby=True) as url:
        _check(taskward, monkeypatch, Prepared("this server is a standby"), text_of(url))


@pytest.mark.parametrize("size", [1, 2])
def test_a_pooler_that_no_setting_names_is_told(
    server: DatabaseUrl, taskward: Taskward, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    with pgbouncer(server, size=size) as url:
        prepared = Prepared("set DATABASE_POOLER=transaction")
        _check(taskward, monkeypatch, prepared, text_of(url))
