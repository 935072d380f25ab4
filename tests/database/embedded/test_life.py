"""The embedded PostgreSQL keeps its data, and stops whenever its process ends, however it ends."""

import asyncio
import shutil
import signal
from pathlib import Path

import asyncpg
import psutil
import pytest
import structlog
from structlog.testing import capture_logs

from app.database.embedded import EmbeddedPostgresError, attach, postmaster, server, start
from app.database.embedded.postmaster import find_process
from tests.database.embedded.conftest import Serving, kill, postgres_of, run_sql
from tests.support.waiting import until


async def answering(url: str) -> None:
    """Wait until PostgreSQL accepts connections again."""
    for _ in range(500):
        try:
            await run_sql(url, "SELECT 1")
        except (OSError, asyncpg.PostgresError):
            await asyncio.sleep(0.02)
        else:
            return
    raise AssertionError("PostgreSQL does not answer")


async def test_data_persist_over_a_restart(data_dir: Path) -> None:
    with start(data_dir) as first:
        await run_sql(first.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    with start(data_dir) as second:
        assert await run_sql(second.url, "SELECT answer FROM kept") == 42


async def test_it_is_durable_in_utf8_and_asks_for_a_password(data_dir: Path) -> None:
    with start(data_dir) as running:
        for setting, value in {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "server_encoding": "UTF8",
            "listen_addresses": "",
            "unix_socket_directories": str((data_dir / "postgresql").resolve()),
            "password_encryption": "scram-sha-256",
        }.items():
            assert await run_sql(running.url, f"SHOW {setting}") == value
        password = (data_dir / "postgresql.password").read_text()
        assert password in running.url
        with pytest.raises(asyncpg.InvalidPasswordError):
            await run_sql(running.url.replace(password, "wrong"), "SELECT 1")


async def test_what_is_secret_is_readable_by_its_owner_alone(data_dir: Path) -> None:
    with start(data_dir):
        for name in ("postgresql.password", "postgresql.log", "lock"):
            assert (data_dir / name).stat().st_mode & 0o077 == 0
        assert (data_dir / "postgresql").resolve().stat().st_mode & 0o077 == 0


async def test_stopping_leaves_nothing_running(data_dir: Path) -> None:
    running = start(data_dir)
    processes = [postgres_of(data_dir), *postgres_of(data_dir).children(recursive=True)]
    running.stop()
    running.stop()
    assert not any(process.is_running() for process in processes)
    assert attach(data_dir) is None


async def test_postgresql_ends_when_its_process_is_killed(data_dir: Path, serving: Serving) -> None:
    process, _ = serving()
    postgres = postgres_of(data_dir)
    process.kill()
    await until(lambda: not postgres.is_running())


async def test_what_was_committed_survives_a_kill_of_the_process(
    data_dir: Path, serving: Serving
) -> None:
    process, url = serving()
    await run_sql(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    process.kill()
    with start(data_dir) as again:
        assert await run_sql(again.url, "SELECT answer FROM kept") == 42


async def test_postgresql_is_started_again_when_it_is_killed(data_dir: Path) -> None:
    with start(data_dir) as running:
        url = running.url
        await run_sql(url, "CREATE TABLE kept AS SELECT 42 AS answer")
        for _ in range(2):
            killed = postgres_of(data_dir)
            kill(killed)
            await until(lambda pid=killed.pid: not psutil.pid_exists(pid))  # type: ignore[misc]
            await answering(url)
        assert running.url == url
        assert await run_sql(url, "SELECT answer FROM kept") == 42


async def test_what_was_committed_survives_a_kill_of_everything(
    data_dir: Path, serving: Serving
) -> None:
    process, url = serving()
    await run_sql(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    postgres = postgres_of(data_dir)
    supervisor = postgres.parent()
    assert supervisor is not None
    for each in (supervisor, psutil.Process(process.pid), postgres):
        kill(each)
    with start(data_dir) as again:
        assert await run_sql(again.url, "SELECT answer FROM kept") == 42


async def test_a_start_waits_for_children_of_a_killed_postgresql(
    data_dir: Path, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, _ = serving()
    postgres = postgres_of(data_dir)
    slow = postgres.children()[0]
    slow.suspend()
    for each in (postgres.parent(), psutil.Process(process.pid), postgres):
        assert each is not None
        kill(each)
    with monkeypatch.context() as patch:
        patch.setattr(postmaster, "STOP_SECONDS", 0.1)
        with pytest.raises(EmbeddedPostgresError, match=rf"\(process {slow.pid}\) still serves"):
            start(data_dir)
    starting = asyncio.create_task(asyncio.to_thread(start, data_dir))
    await asyncio.sleep(0.5)
    assert not starting.done()
    slow.resume()
    with await starting as again:
        assert await run_sql(again.url, "SELECT 1") == 1


async def test_an_orphaned_postgresql_is_stopped_by_the_next_start(
    data_dir: Path, serving: Serving
) -> None:
    process, _ = serving()
    orphan = postgres_of(data_dir)
    supervisor = orphan.parent()
    assert supervisor is not None
    for each in (*supervisor.children(), supervisor, psutil.Process(process.pid)):
        if each != orphan:
            kill(each)
    assert orphan.is_running()
    with start(data_dir) as again:
        assert not orphan.is_running()
        assert await run_sql(again.url, "SELECT 1") == 1


async def test_a_pid_file_with_the_id_of_another_process_is_ignored(data_dir: Path) -> None:
    with start(data_dir):
        stale = (data_dir / "postgresql").resolve() / "postmaster.pid"
        lines = stale.read_text().splitlines()
    somebody = psutil.Process()
    stale.write_text("\n".join([str(somebody.pid), *lines[1:]]))
    assert find_process(stale.parent) is None
    with start(data_dir) as again:
        assert await run_sql(again.url, "SELECT 1") == 1


@pytest.mark.parametrize("content", ["", "x\n", "999999999\n"])
async def test_a_pid_file_that_makes_no_sense_does_no_harm(data_dir: Path, content: str) -> None:
    start(data_dir).stop()
    ((data_dir / "postgresql").resolve() / "postmaster.pid").write_text(content)
    with start(data_dir) as again:
        assert await run_sql(again.url, "SELECT 1") == 1


async def test_a_second_start_is_told_who_is_there(data_dir: Path, serving: Serving) -> None:
    process, url = serving()
    with pytest.raises(EmbeddedPostgresError, match=rf"\(process {process.pid}\).*DATA_DIR"):
        start(data_dir)
    assert await run_sql(url, "SELECT 1") == 1


async def test_two_starts_at_once_are_one_server_and_one_message(serving: Serving) -> None:
    responses = await asyncio.gather(*(asyncio.to_thread(serving, fresh=True) for _ in range(3)))
    urls = [url for _, url in responses if url]
    assert len(urls) == 1
    assert await run_sql(urls[0], "SELECT 1") == 1


async def test_a_command_shares_the_running_server(data_dir: Path, serving: Serving) -> None:
    assert attach(data_dir) is None
    process, url = serving()
    assert attach(data_dir) == url
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert attach(data_dir) is None


async def test_a_cluster_that_was_half_made_is_made_anew(data_dir: Path) -> None:
    half = data_dir / "postgresql.new" / "cluster"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18")
    with start(data_dir) as running:
        assert await run_sql(running.url, "SELECT 1") == 1
    assert not half.exists()


@pytest.mark.parametrize("name", ["with space", "ümlaut 😀", "quote'\"$(x)", "x" * 200])
async def test_a_folder_can_have_any_name(data_dir: Path, name: str) -> None:
    folder = data_dir / name
    with start(folder) as running:
        assert await run_sql(running.url, "SELECT 1") == 1
    shutil.rmtree(folder)


async def test_restarts_come_to_an_end(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "RESTARTS", 2)
    monkeypatch.setattr(server, "logger", structlog.get_logger())
    with capture_logs() as logs, start(data_dir):
        # Without its control file, PostgreSQL cannot start, and a running one cannot continue.
        ((data_dir / "postgresql").resolve() / "global" / "pg_control").unlink()
        kill(postgres_of(data_dir))
        ended = "PostgreSQL not restarted"
        await until(lambda: any(each["event"] == ended for each in logs))
    reasons = [each["reason"] for each in logs if each["event"] == "PostgreSQL restart failed"]
    assert all(each.startswith("starting PostgreSQL failed") for each in reasons)
    assert len(reasons) == 2
