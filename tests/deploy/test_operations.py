"""The commands in the guides in docs/how-to do what the guides say."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest

from app import create_app
from app.database.driver.url import DatabaseUrl
from app.settings import Settings
from tests.deploy.page import Machine, blocks
from tests.support.clients import get, sync_client
from tests.support.empty_database import make_empty_database
from tests.support.live_server import LiveServer, live
from tests.support.taskward import Taskward
from tests.support.tokens import bearer, token_for

OLDEST_TO_RESTORE_TO = 17


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
async def another_database(database_url: DatabaseUrl) -> AsyncIterator[DatabaseUrl]:
    """Create an empty database, for a backup."""
    connection = await asyncpg.connect(**database_url.for_driver)
    version = connection.get_server_version().major
    await connection.close()
    if version < OLDEST_TO_RESTORE_TO:
        pytest.skip(f"the pg_restore of the embedded PostgreSQL knows no server of {version}")
    async with make_empty_database(database_url) as url:
        yield url


def text_of(url: DatabaseUrl, login: str | None = None, password: str | None = None) -> str:
    changed = url.for_sqlalchemy.set(drivername="postgresql", username=login, password=password)
    return changed.render_as_string(hide_password=False)


def install(machine: Machine, url: DatabaseUrl) -> None:
    """Follow the first block of the guide, with an existing database."""
    commands = blocks("install")[0]
    written = re.search(r"(?m)^DATABASE_URL='([^']*)'$", commands)
    assert written is not None
    more = {"application_name": "x", "connect_timeout": "9"}
    real = url.for_sqlalchemy.set(drivername="postgresql").update_query_dict(more)
    machine.run(commands.replace(written[1], real.render_as_string(hide_password=False)))


def test_what_is_installed_is_well(machine: Machine, database_url: DatabaseUrl) -> None:
    install(machine, database_url)
    assert machine.settings.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in machine.units.iterdir()} == {
        "taskward.service",
        "taskward.socket",
    }
    _, look = blocks("install")
    assert "isolation" in machine.run(look)
    assert machine.read_settings()["BIND"] == "fd://3"


def test_an_upgrade_migrates(machine: Machine, database_url: DatabaseUrl) -> None:
    install(machine, database_url)
    (upgrade,) = blocks("upgrade")
    assert "at revision" in machine.run(upgrade, VERSION="0.3.0")
    assert not (machine.home / ".data").exists()


def test_the_secret_is_rotated_without_logging_anyone_out(
    machine: Machine, database_url: DatabaseUrl, taskward: Taskward
) -> None:
    def statuses(*secrets: str) -> list[int]:
        """Return the statuses for tokens of these secrets from a new process, asked twice."""
        settings = machine.read_settings() | {"BIND": taskward.bind, "WORKERS": "1"}
        server = taskward.serve("serve", **settings)
        responses = [
            get(taskward, "/api/me", headers=bearer("ada", secret)).status_code
            for secret in (*secrets, *secrets)
        ]
        taskward.stop(server)
        return responses

    install(machine, database_url)
    old = machine.read_settings()["BETTER_AUTH_SECRET"]
    begin, end = blocks("rotate-secrets")
    machine.run(begin)
    new = machine.read_settings()["BETTER_AUTH_SECRET"]
    assert new != old
    assert statuses(old, new) == [200, 200, 200, 200]
    machine.run(end)
    assert statuses(old, new) == [401, 200, 401, 200]


@pytest.fixture
def backup_url(empty_database: DatabaseUrl) -> Iterator[str]:
    """Return the URL of the role that the page creates for backups."""
    (make_role,) = blocks("back-up-and-restore", "sql")
    name, password = re.findall(r"ROLE (\w+) .* PASSWORD '([^']+)'", make_role)[0]
    execute(text_of(empty_database), make_role)
    yield text_of(empty_database, name, password)
    execute(text_of(empty_database), f"DROP ROLE {name}")


def execute(url: str, sql: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(sql)
        await connection.close()

    asyncio.run(run())


@contextmanager
def serving(settings: Settings, url: DatabaseUrl, user: str) -> Iterator[httpx.Client]:
    """Return a client of a user of a server on a database."""
    app = create_app(settings.model_copy(update={"database_url": url}))
    with live(app) as server, sync_client(server, user) as client:
        yield client


def test_a_device_ahead_of_a_restored_backup_resyncs(
    machine: Machine,
    empty_database: DatabaseUrl,
    another_database: DatabaseUrl,
    backup_url: str,
    settings: Settings,
    taskward: Taskward,
    user: str,
) -> None:
    backup, restore = blocks("back-up-and-restore")
    taskward.run("migrate", DATABASE_URL=text_of(empty_database))
    with serving(settings, empty_database, user) as client:
        first, second = (
            client.post("/api/tasks", json={"title": title}).headers["Location"]
            for title in ("first", "second")
        )
        machine.run(backup, BACKUP_URL=backup_url)
        ahead = client.patch(first, json={"title": "lost"}).headers["ETag"]
        listed = client.get("/api/tasks").headers["ETag"]
        since = client.get("/api/tasks/changes").json()["next"]
    install(machine, empty_database)
    machine.run(restore, NEW_DATABASE_URL=text_of(another_database))
    assert machine.read_settings()["DATABASE_URL"] == text_of(another_database)
    with serving(settings, another_database, user) as client:
        # Without `restored`, this change would get the revision of the change that the device has.
        assert client.patch(first, json={"title": "first again"}).status_code == 200
        told = client.get("/api/tasks/changes", params={"since": since})
        assert (told.status_code, told.json()["code"]) == (410, "change_token_expired")
        stale = client.patch(first, json={"title": "x"}, headers={"If-Match": ahead})
        assert stale.status_code == 412
        assert client.get("/api/tasks", headers={"If-None-Match": listed}).status_code == 200
        everything = client.get("/api/tasks/changes").json()
        assert {each["task"]["title"] for each in everything["changes"]} == {
            "first again",
            "second",
        }
        since = everything["next"]
        client.delete(second)
        (deletion,) = client.get("/api/tasks/changes", params={"since": since}).json()["changes"]
        assert deletion["deleted"]


@pytest.mark.parametrize("fault", ["no file", "no dump", "half of a dump"])
def test_a_restore_that_fails_stops_there(
    machine: Machine, empty_database: DatabaseUrl, taskward: Taskward, fault: str
) -> None:
    backup, restore = blocks("back-up-and-restore")
    url = empty_database.text
    taskward.run("migrate", DATABASE_URL=url)
    dump = machine.home / "taskward.dump"
    if fault == "half of a dump":
        machine.run(backup, BACKUP_URL=url)
        dump.write_bytes(dump.read_bytes()[: dump.stat().st_size // 2])
    elif fault == "no dump":
        dump.write_text("x")
    install(machine, empty_database)
    traced = restore.replace("set -e\n", "set -e\nset -x\n")
    said = machine.fail(traced, NEW_DATABASE_URL=url)
    steps = [line for line in said.splitlines() if line.startswith("+ ")]
    assert steps[-1].startswith("+ pg_restore")
    assert not any("taskward restored" in step or "systemctl start" in step for step in steps)


def test_an_operator_erases_a_user_and_no_other(
    machine: Machine, database_url: DatabaseUrl, server: LiveServer
) -> None:
    by_api, by_database = blocks("erase-a-user")
    names = [f"it's {uuid4()}", f"eve {uuid4()}", f"ada {uuid4()}"]
    made = {name: bearer(name) for name in names}
    with sync_client(server) as client:
        for headers in made.values():
            client.post("/api/tasks", json={"title": "x"}, headers=headers)
        since = client.get("/api/tasks/changes", headers=made[names[0]]).json()["next"]
        url = text_of(database_url)
        assert "DELETE 1" in machine.run(by_database, DATABASE_URL=url, ERASED_USER=names[0])
        assert "DELETE 0" in machine.run(by_database, DATABASE_URL=url, ERASED_USER=names[0])
        eve = {"TOKEN": token_for(names[1]), "ERASED_USER": names[1]}
        machine.run(by_api, TASKWARD=server.base_url, **eve)
        counts = [
            client.get("/api/me", headers=headers).json()["task_count"] for headers in made.values()
        ]
        told = client.get("/api/tasks/changes", params={"since": since}, headers=made[names[0]])
    assert counts == [0, 0, 1]
    assert told.status_code == 410
