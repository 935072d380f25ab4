"""Programs that tests need beside Python."""

import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import pytest

# Debian keeps servers in the second folder, and the wheels of linters bring programs with them.
_PATH = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}:/usr/sbin"


def program(*names: str) -> str:
    """Return the path of the first program that is installed; see `skip` if there is none."""
    found = next(filter(None, (shutil.which(name, path=_PATH) for name in names)), None)
    return found or skip(f"there is no {' or '.join(names)} on the PATH")


def skip(reason: str) -> NoReturn:
    """Skip the test on a machine without a part that it needs. In CI, fail."""
    refuse = pytest.fail if os.environ.get("CI") else pytest.skip
    refuse(reason)
