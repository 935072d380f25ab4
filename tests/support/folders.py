"""Folders that PostgreSQL's account may enter, unlike those of pytest."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def open_folder() -> Iterator[Path]:
    """Create a folder that every account may enter. Remove it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="taskward-test-"))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder)
