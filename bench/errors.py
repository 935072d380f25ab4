"""The error of the benchmarks, and how their commands report it."""

import sys
from collections.abc import Callable

from app.commands.interruption import Interruption
from app.database.embedded import EmbeddedPostgresError
from tests.support.node_packages import MissingError


class BenchError(Exception):
    """The benchmark cannot continue; the message gives the reason."""


def reporting(run: Callable[[], None]) -> int:
    """Run a command; return the exit status of the process."""
    Interruption().install()  # on a signal, every context closes and stops its processes
    try:
        run()
    except (BenchError, EmbeddedPostgresError, MissingError) as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    return 0
