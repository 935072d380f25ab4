"""The figures of a fault: one row of the table."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from tests.faults.ledger import Ledger

HEADINGS = (
    "fault",
    "sent",
    "acknowledged",
    "found",
    "missing",
    "status codes",
    "first error; last error",
    "slowest answer",
    "besides",
)


@dataclass
class Row:
    """A fault: its counts, notes, and the promises that are `broken`."""

    fault: str
    ledger: Ledger
    stored: Collection[str]
    notes: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.require(self.missing == 0, f"{self.missing} of what was acknowledged is missing")
        mute = [e for e in self.ledger.requests if e.status == "503" and not e.retry_after]
        self.require(not mute, f"{len(mute)} answers of 503 have no Retry-After")

    @classmethod
    def together(cls, fault: str, rows: "Mapping[str, Row]") -> "Row":
        """Return one row for several, each of which its notes name."""
        ledger = Ledger()
        ledger.began = min(row.ledger.began for row in rows.values())
        for row in rows.values():
            ledger.requests += row.ledger.requests
        together = cls(fault, ledger, [each for row in rows.values() for each in row.stored])
        for name, row in rows.items():
            together.notes += [f"{name}: {', '.join(row.notes)}"]
            together.broken += [f"{name}: {each}" for each in row.broken]
        return together

    @property
    def found(self) -> int:
        """Return how many acknowledged changes are stored."""
        return len(self.ledger.promises & {*self.stored})

    @property
    def missing(self) -> int:
        """Return how many acknowledged changes are not stored."""
        return len(self.ledger.promises) - self.found

    def note(self, text: str) -> None:
        """Add a note that is specific to this fault."""
        self.notes.append(text)

    def require(self, holds: bool, otherwise: str) -> None:
        """Record a promise as broken unless a condition is true."""
        if not holds:
            self.broken.append(otherwise)

    def require_statuses(self, *allowed: str) -> None:
        """Record statuses other than the allowed ones as a broken promise."""
        others = {*self.ledger.statuses} - {*allowed}
        self.require(not others, f"status {', '.join(sorted(others))}: {self.ledger.errors[:3]}")

    @property
    def cells(self) -> tuple[str, ...]:
        """Return the figures, in the order of `HEADINGS`."""
        statuses = sorted(self.ledger.statuses.items())
        told = [f"{count:,} × {status}" for status, count in statuses]  # noqa: RUF001
        errors = self.ledger.errors
        return (
            f"**{self.fault}**",
            f"{len(self.ledger.requests):,}",
            f"{len(self.ledger.promises):,}",
            f"{self.found:,}",
            f"{self.missing:,}",
            ", ".join(told),
            "; ".join((errors[0], errors[-1])) if errors else "",
            f"{self.ledger.slowest:.2f} s",
            "; ".join([*self.notes, *(f"**broken: {each}**" for each in self.broken)]),
        )

    def __str__(self) -> str:
        pairs = zip(HEADINGS[1:], self.cells[1:], strict=True)
        told = ", ".join(f"{name} {value}" for name, value in pairs if value)
        return f"Fault: {self.fault}: {told}"


def table(rows: Sequence[Row]) -> str:
    """Return the table in Markdown."""
    alignment = ["---", *["--:"] * 4, "---", "---", "--:", "---"]
    lines = [HEADINGS, alignment, *(row.cells for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
