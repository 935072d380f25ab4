"""`migrate`, `doctor` and `serve` on unexpected databases, whose rows stay as they are."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from uuid import uuid4

import asyncpg
import pytest

from app.commands.program import PROGRAM
from app.database.driver.url import DatabaseUrl
from app.server.http.listener import Listener
from tests.support.debian_postgres import plain_server
from tests.support.folders import ROOT
from tests.support.pgbouncer import pgbouncer
from tests.support.taskward import QUIET, Taskward

MINE = "CREATE SCHEMA mine"
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
    """A database: how it is created, and the message of each command about it (None: no fault)."""

    says: str | None
    sql: str = ""
    create: str = ""
    url: Mapping[str, str | int] = {}
    query: str = ""
    login: str = ""
    migrated: bool = False
    doctor: str | None = ""
    serve: str | None = ""
    """The messages of these commands, if they differ from that of `migrate`."""
    row: str = ""
    """The row of docs/how-to/databases.md, if its name is not that of the database."""


FOREIGN = "conflicts with Taskward"
NEW = (
    "new; any collation (C, ICU); default isolation repeatable read or serializable; "
    "a statement time-out"
)
ENCODINGS = "encoding LATIN1 or SQL_ASCII"
VERSIONS = "another program's `alembic_version` in Taskward's schema, with any revision"
TABLES = "another program's `users`, `tasks`, `tombstones`, also as a view"
APART = "another program's tables in `public`, and `search_path=mine` or `mine,public`"
POWERFUL = "a login with BYPASSRLS, a superuser"
LOGINS = "wrong password, unknown login"
HOSTS = "unknown host, a port where nothing listens"
LATIN = "TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' ENCODING "
DATABASES: dict[str, Prepared] = {
    "new and empty": Prepared(None, row=NEW),
    "encoding LATIN1": Prepared(
        "has the encoding LATIN1", create=f"{LATIN} 'LATIN1'", row=ENCODINGS
    ),
    "encoding SQL_ASCII": Prepared(
        "has the encoding SQL_ASCII", create=f"{LATIN} 'SQL_ASCII'", row=ENCODINGS
    ),
    "collation C": Prepared(None, create=f"{LATIN} 'UTF8'", row=NEW),
    "collation of ICU": Prepared(
        None,
        create="TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'tr' LOCALE 'C.UTF-8'",
        row=NEW,
    ),
    "isolation repeatable read": Prepared(
        None, "ALTER DATABASE {db} SET default_transaction_isolation = 'repeatable read'", row=NEW
    ),
    "isolation serializable": Prepared(
        None, "ALTER DATABASE {db} SET default_transaction_isolation = 'serializable'", row=NEW
    ),
    "read-only by default": Prepared(
        "is read-only", "ALTER DATABASE {db} SET default_transaction_read_only = on"
    ),
    "a statement time-out": Prepared(
        None, "ALTER DATABASE {db} SET statement_timeout = '5s'", row=NEW
    ),
    "another program's version 0004": Prepared(
        FOREIGN, FOREIGN_TABLES + ";" + FOREIGN_VERSION.format("0004"), row=VERSIONS
    ),
    "another program's version 0006": Prepared(
        FOREIGN, FOREIGN_VERSION.format("0006"), row=VERSIONS
    ),
    "another program's version a1b2c3": Prepared(
        FOREIGN, FOREIGN_VERSION.format("a1b2c3d4e5f6"), row=VERSIONS
    ),
    "another program's `alembic_version`, empty": Prepared(
        None, FOREIGN_VERSION.format("x") + "; DELETE FROM alembic_version"
    ),
    "another program's users": Prepared(
        "there is a table users that Taskward did not create",
        "CREATE TABLE users (id int); INSERT INTO users VALUES (1)",
        row=TABLES,
    ),
    "another program's tombstones": Prepared(
        "there is a table tombstones that Taskward did not create",
        "CREATE TABLE tombstones (id int)",
        row=TABLES,
    ),
    "another program's view tasks": Prepared(
        "there is a table tasks that Taskward did not create",
        "CREATE VIEW tasks AS SELECT 1 AS id",
        row=TABLES,
    ),
    "another program in public, a schema of one's own": Prepared(
        None,
        f"{MINE}; {FOREIGN_TABLES}; {FOREIGN_VERSION.format('0004')}",
        query="?options=-csearch_path%3Dmine",
        row=APART,
    ),
    "another program in public, behind one's own schema": Prepared(
        None,
        f"{MINE}; {FOREIGN_TABLES}; {FOREIGN_VERSION.format('0004')}",
        query="?options=-csearch_path%3Dmine,public",
        row=APART,
    ),
    "the first schema of `search_path` is missing": Prepared(
        "there is no schema for the tables", query="?options=-csearch_path%3Dmine,public"
    ),
    "a schema whose name needs quotes": Prepared(
        None, 'CREATE SCHEMA "My Tasks"', query="?options=-csearch_path%3D%22My%5C%20Tasks%22"
    ),
    "default privileges for others, such as Supabase's `anon`": Prepared(None, SUPABASE),
    "the version table rewritten": Prepared(
        "is not a revision of Taskward",
        "UPDATE taskward_version SET version_num = 'hacked'",
        migrated=True,
    ),
    "a table of Taskward is gone": Prepared(
        "there is no table tombstones", "DROP TABLE tombstones", migrated=True
    ),
    "a later version's schema": Prepared(
        None, "UPDATE taskward_version SET version_num = '9999'", migrated=True
    ),
    "rights that an operator granted to another role": Prepared(
        None,
        "CREATE ROLE {role}; GRANT SELECT ON tasks TO {role}",
        migrated=True,
        doctor="may SELECT on tasks",
        serve="may SELECT on tasks",
    ),
    "a login without CREATE": Prepared(
        "lacks a privilege",
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT taskward_app, taskward_purge TO {role}",
        doctor="Run python -m app migrate",
        login="{role}",
    ),
    "a login that may not take on the roles": Prepared(
        "may not set up the roles",
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT ALL ON SCHEMA public TO {role}",
        doctor="Run python -m app migrate",
        login="{role}",
    ),
    "a login with BYPASSRLS": Prepared(
        None,
        "CREATE ROLE {role} LOGIN PASSWORD 'x' BYPASSRLS; GRANT ALL ON SCHEMA public TO {role};"
        "GRANT taskward_app, taskward_purge TO {role}",
        login="{role}",
        row=POWERFUL,
    ),
    "a wrong password": Prepared(
        "password authentication failed", url={"password": "hunter2"}, row=LOGINS
    ),
    "an unknown login": Prepared(
        "password authentication failed", url={"username": "stranger"}, row=LOGINS
    ),
    "a superuser": Prepared(
        None, "CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'x'", login="{role}", row=POWERFUL
    ),
    "unknown database": Prepared("does not exist", url={"database": "nosuch"}),
    "an unknown host": Prepared("cannot be reached", url={"host": "nosuch.invalid"}, row=HOSTS),
    "a port where nothing listens": Prepared("cannot be reached", url={"port": 1}, row=HOSTS),
    "no connections left": Prepared(
        "too many connections",
        "CREATE ROLE {role} LOGIN PASSWORD 'x' CONNECTION LIMIT 0",
        login="{role}",
    ),
}


@pytest.fixture(scope="module")
def server() -> Iterator[DatabaseUrl]:
    """A PostgreSQL of Debian's packages, whose cluster a Taskward has used before."""
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


# Everything in the database except what is Taskward's own, with its rows.
OF_OTHERS = """
SELECT concat_ws(' ', 'relation', c.oid::regclass, c.relkind, c.relowner::regrole,
                 c.relrowsecurity, c.relforcerowsecurity, c.relacl, c.reloptions,
                 CASE WHEN c.relkind IN ('r', 'p', 'v', 'm') THEN query_to_xml(
                     format('SELECT * FROM %I.%I', n.nspname, c.relname), true, true, '') END)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_|^information_schema$'
UNION ALL
SELECT concat_ws(' ', 'column', attrelid::regclass, attnum, attname, atttypid::regtype, attnotnull,
                 attacl, pg_get_expr(adbin, adrelid))
FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE n.nspname !~ '^pg_|^information_schema$' AND attnum > 0
UNION ALL
SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE conrelid <> 0
UNION ALL
SELECT concat_ws(' ', 'policy', polrelid::regclass, polname, polcmd, polroles,
                 pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
FROM pg_policy
UNION ALL
SELECT concat_ws(' ', 'trigger', pg_get_triggerdef(oid)) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT concat_ws(' ', 'function', oid::regprocedure, proacl, prosrc) FROM pg_proc
WHERE pronamespace::regnamespace::text !~ '^pg_|^information_schema$'
UNION ALL
SELECT concat_ws(' ', 'default', defaclrole::regrole, defaclnamespace, defaclobjtype, defaclacl)
FROM pg_default_acl
UNION ALL
SELECT concat_ws(' ', 'schema', nspname, nspowner::regrole, nspacl) FROM pg_namespace
WHERE nspname !~ '^pg_(temp|toast_temp)_'
UNION ALL
SELECT concat_ws(' ', 'role', oid, rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb,
                 rolcanlogin, rolreplication, rolbypassrls, rolconnlimit,
                 rolpassword, rolvaliduntil)
FROM pg_authid WHERE rolname NOT IN ('taskward_app', 'taskward_purge')
UNION ALL
SELECT concat_ws(' ', 'member', roleid::regrole, member::regrole) FROM pg_auth_members
WHERE roleid::regrole::text NOT IN ('taskward_app', 'taskward_purge')
UNION ALL
SELECT concat_ws(' ', 'setting', setdatabase, setrole, setconfig) FROM pg_db_role_setting
UNION ALL
SELECT concat_ws(' ', 'database', datname, datdba::regrole, datacl) FROM pg_database
WHERE datname = current_database()
"""
OWN = "taskward_version|users|tasks|idempotency_keys|tombstones|erasures"


def fingerprint(url: str) -> set[str]:
    """Return everything in a database and its cluster, with its rows."""

    async def run() -> set[str]:
        # Without a search path, PostgreSQL prints each name with its schema.
        connection = await asyncpg.connect(url, server_settings={"search_path": ""})
        rows = await connection.fetch(OF_OTHERS)
        await connection.close()
        return {row[0] for row in rows}

    return asyncio.run(run())


@pytest.mark.parametrize("name", DATABASES)
def test_all_commands_agree_and_change_nothing_of_others(
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
        _check_others(before, fingerprint(administrator), prepared)
    finally:
        execute(text_of(server), f"DROP DATABASE {made['db']} WITH (FORCE)")


def _check_others(before: set[str], after: set[str], prepared: Prepared) -> None:
    """Check that every new object is Taskward's own, and that nothing is missing or changed."""
    if prepared.says is not None:
        assert after == before
        return
    schema = "mine" if "Dmine" in prepared.query else "public"
    schema = '"My Tasks"' if "My" in prepared.query else schema
    name = schema.strip('"')
    own = re.compile(rf"schema {name} |\w+ {schema}\.({OWN})")
    assert {row for row in before ^ after if not own.match(row)} == set()


def _close(_: object, listener: Listener, *__: object) -> None:
    for each in listener.sockets.insecure_sockets:
        each.close()


def _check(
    taskward: Taskward, monkeypatch: pytest.MonkeyPatch, prepared: Prepared, url: str
) -> None:
    settings = QUIET | {"DATABASE_URL": url}
    # Run everything that precedes serving.
    monkeypatch.setattr("app.commands.worker.serve_app", _close)
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


STANDBY = Prepared("this server is a standby")
POOLER = Prepared("set DATABASE_POOLER=transaction")
NO_ROLE = Prepared("may not set up the roles", doctor="there is no role taskward_purge")
OWNER = """
CREATE ROLE {role} LOGIN PASSWORD 'x';
GRANT ALL ON SCHEMA public TO {role};
GRANT taskward_app, taskward_purge TO {role}
"""


def test_a_standby_is_refused(taskward: Taskward, monkeypatch: pytest.MonkeyPatch) -> None:
    with plain_server(standby=True) as url:
        _check(taskward, monkeypatch, STANDBY, text_of(url))


@pytest.mark.parametrize("size", [1, 2])
def test_a_pooler_that_no_setting_names_is_told(
    server: DatabaseUrl, taskward: Taskward, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    with pgbouncer(server, size=size) as url:
        _check(taskward, monkeypatch, POOLER, text_of(url))


def test_a_role_that_is_missing_is_told(
    server: DatabaseUrl, taskward: Taskward, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, login = f"db_{uuid4().hex}", f"role_{uuid4().hex}"
    execute(text_of(server), f"CREATE DATABASE {database}")
    execute(text_of(server, database=database), OWNER.format(role=login))
    url = text_of(server, database=database, username=login, password="x")
    assert taskward.run("migrate", DATABASE_URL=url).status == 0
    execute(text_of(server), "ALTER ROLE taskward_purge RENAME TO gone")
    try:
        _check(taskward, monkeypatch, NO_ROLE, url)
    finally:
        execute(text_of(server), "ALTER ROLE gone RENAME TO taskward_purge")
        execute(text_of(server), f"DROP DATABASE {database} WITH (FORCE)")


def test_the_page_has_each_database_and_its_messages() -> None:
    page = (
        (ROOT / "docs" / "how-to" / "databases.md")
        .read_text()
        .replace("taskward migrate", f"{PROGRAM} migrate")
    )
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.splitlines()
        if line.startswith("| ")
    ][1:]
    others = {
        "a standby": STANDBY,
        "PgBouncer without the setting": POOLER,
        "a missing role": NO_ROLE,
    }
    rows: dict[str, set[str]] = {}
    for name, prepared in (DATABASES | others).items():
        rows.setdefault(prepared.row or name, set()).update(_messages(prepared))
    assert sorted(database for database, *_ in cells) == sorted(rows)
    for database, message, _ in cells:
        written = [re.escape(each) for each in re.findall("`([^`]+)`", message)]
        patterns = [each.replace("…", r".+") for each in written]
        for said in rows[database]:
            assert any(re.fullmatch(each, said) for each in patterns), (database, said)
        for each in patterns:
            assert any(re.fullmatch(each, said) for said in rows[database]), (database, each)


def _messages(prepared: Prepared) -> set[str]:
    doctor = prepared.says if prepared.doctor == "" else prepared.doctor
    serve = prepared.says if prepared.serve == "" else prepared.serve
    return {each for each in (prepared.says, doctor, serve) if each is not None}
