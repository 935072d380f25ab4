"""Another account of the machine cannot use a data folder to make Taskward change files."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from app.commands.errors import CommandError
from app.commands.resolve import development_secret, kept_secret
from app.database.embedded import EmbeddedPostgresError, attach, start
from app.database.embedded.folder import open_folder
from app.settings import Settings
from tests.database.embedded.conftest import run_sql
from tests.database.embedded.folder_swap import swapping
from tests.support.folders import world_readable_tmp as new_folder

AS_ROOT = os.geteuid() == 0
root_only = pytest.mark.skipif(not AS_ROOT, reason="needs a second account")
OTHER = 54321
"""An account without processes here, and possibly without a name."""

FILES = ("lock", "secret", "postgresql.password", "postgresql.log", "socket-folder")


@pytest.fixture
def victim() -> Iterator[Path]:
    """A file that the other account may not read; check that it stays unchanged."""
    with new_folder() as folder:
        path = folder / "victim"
        path.write_text("precious")
        path.chmod(0o600)
        yield path
        assert path.read_text() == "precious"
        status = path.stat()
        assert (status.st_uid, status.st_mode & 0o777) == (os.geteuid(), 0o600)


def settings_of(data_dir: Path) -> Settings:
    return Settings.model_construct(data_dir=data_dir, better_auth_secret=None)


def try_all(data_dir: Path) -> list[str]:
    """Run everything that uses a data folder; return the error messages."""
    settings, said = settings_of(data_dir), []

    def serve() -> None:
        with start(data_dir):
            pass

    steps: list[Callable[[], object]] = [
        lambda: development_secret(settings),
        lambda: kept_secret(settings),
        lambda: attach(data_dir),
        serve,
    ]
    for step in steps:
        try:
            step()
        except EmbeddedPostgresError as error:
            said.append(str(error))
    return said


@root_only
def test_a_folder_of_another_account_is_refused(data_dir: Path, victim: Path) -> None:
    data_dir.mkdir()
    for name in FILES:
        (data_dir / name).symlink_to(victim)
    os.chown(data_dir, OTHER, OTHER)
    messages = try_all(data_dir)
    assert len(messages) == 4
    assert all(f"belongs to the account {OTHER}, which" in each for each in messages)
    assert all("Start Taskward as that account, or set DATA_DIR" in each for each in messages)


@root_only
def test_a_folder_that_others_write_to_is_refused(data_dir: Path, victim: Path) -> None:
    data_dir.mkdir()
    data_dir.chmod(0o1777)
    (data_dir / "secret").symlink_to(victim)
    messages = try_all(data_dir)
    assert len(messages) == 4
    assert all("other accounts can write to" in each for each in messages)
    assert data_dir.stat().st_mode & 0o7777 == 0o1777


@root_only
@pytest.mark.parametrize("name", FILES)
def test_a_link_in_place_of_a_file_is_not_followed(data_dir: Path, victim: Path, name: str) -> None:
    data_dir.mkdir(mode=0o755)
    (data_dir / name).symlink_to(victim)
    os.chown(data_dir / name, OTHER, OTHER, follow_symlinks=False)
    messages = try_all(data_dir)
    assert all(f"{name} is a symbolic link" in each for each in messages)
    assert messages or not (data_dir / name).is_symlink()  # a file has replaced it


@root_only
@pytest.mark.parametrize("name", ["secret", "postgresql.password", "lock"])
def test_a_file_of_another_account_is_not_believed(data_dir: Path, name: str) -> None:
    start(data_dir).stop()
    development_secret(settings_of(data_dir))
    os.chown(data_dir / name, OTHER, OTHER)
    messages = try_all(data_dir)
    assert messages
    assert all(f"{name} is a symbolic link or belongs to another" in each for each in messages)


@root_only
@pytest.mark.parametrize("name", ["postgresql", "elsewhere"])
def test_a_link_of_another_account_on_the_way_is_refused(data_dir: Path, name: str) -> None:
    start(data_dir / "real").stop()
    path = data_dir / name
    path.symlink_to(data_dir / "real" / name if name == "postgresql" else data_dir / "real")
    os.chown(path, OTHER, OTHER, follow_symlinks=False)
    (data_dir / "lock").touch(mode=0o600)
    messages = try_all(data_dir if name == "postgresql" else path)
    assert messages
    assert all(f"{name} is a symbolic link" in each for each in messages)


async def test_links_of_ones_own_are_followed(data_dir: Path) -> None:
    start(data_dir / "real").stop()
    (data_dir / "relative").symlink_to("real")
    (data_dir / "absolute").symlink_to(data_dir / "relative")
    with start(data_dir / "absolute" / ".." / "absolute") as running:
        assert await run_sql(running.url, "SELECT 1") == 1
        assert attach(data_dir / "real") == running.url
    (data_dir / "moved").mkdir()
    (data_dir / "real" / "postgresql").resolve().rename(data_dir / "moved" / "there")
    (data_dir / "real" / "postgresql").unlink(missing_ok=True)
    (data_dir / "real" / "postgresql").symlink_to("../moved/there")
    with start(data_dir / "real") as running:
        assert await run_sql(running.url, "SELECT 1") == 1


def test_a_circle_of_links_comes_to_an_end(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "circle").symlink_to("circle")
    with pytest.raises(NotADirectoryError):
        open_folder(data_dir / "circle")


@pytest.mark.parametrize("mode", [0o775, 0o777])
async def test_a_folder_made_under_a_lax_umask_is_closed_to_others(
    data_dir: Path, mode: int
) -> None:
    start(data_dir).stop()
    data_dir.chmod(mode)
    with start(data_dir) as running:
        assert await run_sql(running.url, "SELECT 1") == 1
    assert data_dir.stat().st_mode & 0o777 == 0o755


def test_a_folder_with_files_of_others_is_not_closed(data_dir: Path) -> None:
    data_dir.mkdir()
    data_dir.chmod(0o775)
    (data_dir / "notes").touch()
    with pytest.raises(EmbeddedPostgresError, match="separate folder, such as"):
        start(data_dir)
    assert data_dir.stat().st_mode & 0o777 == 0o775


@root_only
def test_a_folder_is_closed_only_if_all_in_it_is_ours(data_dir: Path) -> None:
    start(data_dir).stop()
    (data_dir / "postgresql").rename(data_dir / "away")
    (data_dir / "postgresql").mkdir()
    os.chown(data_dir / "postgresql", OTHER, OTHER)
    data_dir.chmod(0o777)
    with pytest.raises(EmbeddedPostgresError, match="other accounts can write to"):
        start(data_dir)


@root_only
def test_a_cluster_whose_files_are_links_shows_nothing(data_dir: Path, victim: Path) -> None:
    start(data_dir).stop()
    for name in ("PG_VERSION", "postmaster.pid"):
        path = (data_dir / "postgresql").resolve() / name
        path.unlink(missing_ok=True)
        path.symlink_to(victim)
        messages = try_all(data_dir)
        assert messages
        assert "precious" not in "".join(messages)
        path.unlink()


@root_only
def test_a_pipe_in_place_of_a_file_keeps_no_command_waiting(data_dir: Path) -> None:
    start(data_dir).stop()
    path = (data_dir / "postgresql").resolve() / "PG_VERSION"
    path.unlink()
    os.mkfifo(path)
    os.chown(path, *(path.parent.stat().st_uid, path.parent.stat().st_gid))
    with pytest.raises(EmbeddedPostgresError, match="PG_VERSION is a symbolic link or"):
        start(data_dir)


@root_only
async def test_a_path_that_another_account_exchanges_leads_nowhere(
    data_dir: Path, victim: Path
) -> None:
    """The data folder belongs to Taskward, and its parent belongs to another account."""
    data_dir.mkdir()
    os.chown(data_dir, OTHER, OTHER)
    folder = data_dir / "data"
    start(folder).stop()
    with swapping(folder, victim.parent, OTHER):
        for _ in range(300):
            with suppress(EmbeddedPostgresError, CommandError):
                development_secret(settings_of(folder))
            with suppress(EmbeddedPostgresError):
                assert attach(folder) is None
        for _ in range(3):
            with suppress(EmbeddedPostgresError), start(folder) as running:
                assert await run_sql(running.url, "SELECT 1") == 1
    assert [path.name for path in victim.parent.iterdir()] == ["victim"]
    with start(folder) as running:
        assert await run_sql(running.url, "SELECT 1") == 1
