"""`--version`: the versions of Taskward, Python, and the embedded PostgreSQL."""

import argparse
import platform
from collections.abc import Sequence

from ..database.embedded import version_of_binaries
from ..openapi import read


class ShowVersion(argparse.Action):
    """Prints the versions and exits. It reads the contract only then."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print the versions and exit."""
        print(f"taskward {read().version}")
        print(f"Python {platform.python_version()}")
        print(f"embedded PostgreSQL {version_of_binaries() or 'not installed'}")
        parser.exit()
