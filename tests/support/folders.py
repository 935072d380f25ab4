"""Folders that the account of PostgreSQL may enter, unlike those of pytest."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def open_folder() -> Iterator[Path]:
    """A new folder that everybody may enter; removed in the end."""
    folder = Path(tempfile.mkdtemp(prefix="taskward-test-"))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder)
