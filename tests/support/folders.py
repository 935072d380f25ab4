"""The repository's folder, and folders that PostgreSQL's account may enter."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The folder of the repository."""


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder with the owners and the rights of its files."""
    subprocess.run(["/bin/cp", "--archive", source, target], check=True, stderr=subprocess.DEVNULL)


@contextmanager
def world_readable_tmp() -> Iterator[Path]:
    """Create a folder that every account may enter. Remove it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="taskward-test-"))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder)
