"""The end of a command: its exit status, and a message for errors that an operator can correct."""

import sys
from collections.abc import Callable

from quart_contract.binding import ContractDriftError
from quart_contract.document import ContractError

from ..database.embedded import EmbeddedPostgresError
from ..server.http.listener import BindError
from ..server.observability.journal import leads_to_journal, with_priority
from ..server.observability.metrics import MetricsError
from ..server.observability.tracing import TracingError
from ..settings import SettingsError
from .errors import CommandError

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
        text = f"taskward: {error}"
        journal = leads_to_journal(sys.stderr)
        print(with_priority("error", text) if journal else text, file=sys.stderr)
        return 1
    return 0
