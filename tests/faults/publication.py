"""Output of the figures into `docs/explanation/reliability.md`, with the date and the machine."""

import platform
from collections.abc import Sequence

from bench.systems import ROOT
from bench.versions import describe_machine, today
from tests.blocks import write_block
from tests.faults.environment import FaultEnvironment
from tests.faults.report import Row, table

PAGE = ROOT / "docs" / "explanation" / "reliability.md"


def describe(rows: Sequence[Row], environment: FaultEnvironment) -> str:
    """Return the figures, and the conditions under which they were measured."""
    (version,) = environment.run("SHOW server_version")
    return (
        f"Measured on {today()}: {describe_machine()}. Python {platform.python_version()}, "
        f"PostgreSQL {version}; server, database and clients on the same machine.\n\n{table(rows)}"
    )


def publish(report: str) -> None:
    """Write the report into the page."""
    write_block(PAGE, "faults", report)
