"""The end of a command: its exit status, and a message for errors that an operator can correct."""

import sys
from collections.abc import Callable

from app.commands.errors import CommandError
from app.database.embedded import EmbeddedPostgresError
from app.server.http.listener import BindError
from app.server.observability.metrics import MetricsError
from app.server.observability.tracing import TracingError
from app.settings import SettingsError
from quart_contract.binding import ContractDriftError
from quart_contract.document import ContractError

# Errors with a message for the operator. Any other is a bug.
_EXPECTED = (
    BindError,
    CommandError,
    ContractDriftError,
    ContractError,
    EmbeddedPostgresError,
    MetricsError,
    SettingsError,
    TracingError,
)


def reporting(run: Callable[[], None]) -> int:
    """Run a command; return the exit status of the process."""
    try:
        run()
    except _EXPECTED as error:
        print(f"taskward: {error}", file=sys.stderr)
        return 1
    return 0
