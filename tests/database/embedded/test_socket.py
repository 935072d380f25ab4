"""The socket of the embedded PostgreSQL: only its own account can listen there."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.database.driver.url import DatabaseUrl
from app.database.embedded import EmbeddedPostgresError, attach, socket_folder, start
from tests.database.embedded.conftest import Serving, kill, postgres_of, run_sql
from tests.support.folders import world_readable_tmp


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files that no other account can write to."""
    with world_readable_tmp() as folder:
        monkeypatch.setenv("TMPDIR", str(folder))
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        yield folder


@pytest.fixture
def long_dir(data_dir: Path) -> Path:
    """A data folder whose path is too long for a socket."""
    return data_dir / ("x" * 110)


def folder_of(url: str) -> Path:
    """Return the folder of the socket in a URL."""
    return Path(DatabaseUrl(url).for_driver["host"])


def test_it_listens_on_no_port(data_dir: Path) -> None:
    with start(data_dir):
        first = postgres_of(data_dir)
        for each in (first, *first.children(recursive=True)):
            assert each.net_connections("inet") == []


async def test_only_its_account_can_enter_the_folder_of_its_socket(data_dir: Path) -> None:
    with start(data_dir) as running:
        folder = folder_of(running.url)
        status = folder.stat()
        assert status.st_mode & 0o777 == 0o700
        assert status.st_uid == postgres_of(data_dir).uids().real
        names = {each.name for each in folder.glob(".s*")}
        assert names == {".s.PGSQL.5432", ".s.PGSQL.5432.lock"}


def test_a_url_is_printed_without_its_password(data_dir: Path) -> None:
    with start(data_dir) as running:
        password = (data_dir / "postgresql.password").read_text()
        assert password not in f"{DatabaseUrl(running.url)} {DatabaseUrl(running.url)!r}"
        assert "postgresql" in str(DatabaseUrl(running.url))


async def test_variables_of_libpq_do_not_lead_elsewhere(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGHOST", "nowhere.invalid")
    with start(data_dir) as running:
        assert await run_sql(running.url, "SELECT 1") == 1


async def test_a_long_path_has_its_socket_in_a_short_folder(
    long_dir: Path, temporary: Path
) -> None:
    with start(long_dir) as running:
        folder = folder_of(running.url)
        assert folder.parent == temporary
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.stat().st_uid == postgres_of(long_dir).uids().real
        assert attach(long_dir) == running.url
        assert await run_sql(running.url, "SELECT 1") == 1
    assert list(temporary.iterdir()) == []
    assert not (long_dir / "socket-folder").exists()


async def test_a_file_system_without_sockets_has_its_socket_elsewhere(
    data_dir: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Tests cannot mount such a file system.
    monkeypatch.setattr(socket_folder, "_has_sockets", lambda _: False)
    with start(data_dir) as running:
        assert folder_of(running.url).parent == temporary
        assert await run_sql(running.url, "SELECT 1") == 1


def test_a_start_that_fails_leaves_no_short_folder(long_dir: Path, temporary: Path) -> None:
    start(long_dir).stop()
    ((long_dir / "postgresql").resolve() / "postgresql.conf").write_text("no_such_setting = on\n")
    with pytest.raises(EmbeddedPostgresError, match="unrecognized configuration parameter"):
        start(long_dir)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("name", ["with space", "comma,", "colon:5", "ümlaut"])
async def test_a_path_that_is_no_plain_text_has_its_socket_elsewhere(
    data_dir: Path, temporary: Path, name: str
) -> None:
    with start(data_dir / name) as running:
        assert folder_of(running.url).parent == temporary
        assert await run_sql(running.url, "SELECT 1") == 1


async def test_the_short_folder_of_a_killed_server_is_used_again(
    data_dir: Path, temporary: Path, serving: Serving
) -> None:
    # If others can replace the path, the socket also has a short folder.
    data_dir.parent.chmod(0o777)
    process, url = serving()
    first = postgres_of(data_dir)
    supervisor = first.parent()
    assert supervisor is not None
    for each in (*supervisor.children(), supervisor, psutil.Process(process.pid)):
        kill(each)
    left = folder_of(url)
    assert left.parent == temporary
    assert (left / ".s.PGSQL.5432").exists()
    with start(data_dir) as again:
        assert again.url == url
        assert await run_sql(again.url, "SELECT 1") == 1
    assert list(temporary.iterdir()) == []


async def test_a_stale_socket_and_its_lock_do_not_prevent_a_start(data_dir: Path) -> None:
    start(data_dir).stop()
    cluster = (data_dir / "postgresql").resolve()
    # The id of a running process that is not a PostgreSQL.
    (cluster / ".s.PGSQL.5432.lock").write_text(f"{os.getppid()}\n{cluster}\n0\n5432\n{cluster}\n")
    (cluster / ".s.PGSQL.5432").touch()
    with start(data_dir) as again:
        assert await run_sql(again.url, "SELECT 1") == 1


def test_a_folder_that_others_can_enter_is_given_no_password(data_dir: Path) -> None:
    with start(data_dir) as running:
        folder = folder_of(running.url)
        folder.chmod(0o750)
        try:
            with pytest.raises(EmbeddedPostgresError, match="another account could listen"):
                attach(data_dir)
        finally:
            folder.chmod(0o700)
        assert attach(data_dir) == running.url


def test_a_path_that_others_can_replace_has_its_socket_elsewhere(
    data_dir: Path, temporary: Path
) -> None:
    shared = data_dir.parent / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with start(shared / "data") as running:
        assert folder_of(running.url).parent == temporary
        assert attach(shared / "data") == running.url
    shared.chmod(0o1777)  # like /tmp: others can add files, but replace none
    with start(shared / "data") as running:
        assert folder_of(running.url).is_relative_to(shared)


def test_temporary_folders_that_others_can_exchange_are_refused(
    long_dir: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary.chmod(0o777)
    monkeypatch.setattr(socket_folder, "_SHARED", ())
    with pytest.raises(EmbeddedPostgresError, match=r"TMPDIR: .*Set TMPDIR to a folder"):
        start(long_dir)


async def test_data_of_a_server_on_a_port_go_on_working(data_dir: Path) -> None:
    """In version 0.2.0, PostgreSQL listened on a port, and left this when it was killed."""
    with start(data_dir) as running:
        await run_sql(running.url, "CREATE TABLE kept AS SELECT 42 AS answer")
        stale = (data_dir / "postgresql").resolve() / "postmaster.pid"
        lines = stale.read_text().splitlines()
        lines[3:6] = ["40001", "", "127.0.0.1"]
        stale.write_text("\n".join(lines))
        assert attach(data_dir) is None
    for name in ("postgresql.log", "lock"):
        (data_dir / name).chmod(0o644)
    stale.write_text("\n".join(lines))
    with start(data_dir) as again:
        assert await run_sql(again.url, "SELECT answer FROM kept") == 42
        assert (data_dir / "postgresql.log").stat().st_mode & 0o777 == 0o600
