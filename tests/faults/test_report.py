"""The figures tell when a promise was broken."""

from tests.faults.ledger import ABORTED, LOST, Exchange, Ledger
from tests.faults.report import HEADINGS, Row, table

MADE = Exchange(1.0, 1.5, "201", promise="a")
COMPLETED = Exchange(2.0, 2.1, "200", promise="a completed")
REFUSED = Exchange(3.0, 3.1, "503", "database_unavailable", "1")


def row(*exchanges: Exchange, stored: tuple[str, ...] = ()) -> Row:
    ledger = Ledger()
    ledger.began = 0
    ledger.exchanges += exchanges
    return Row("A fault", ledger, stored)


def test_what_was_acknowledged_and_is_not_stored_is_missing() -> None:
    assert row(MADE, COMPLETED, stored=("a", "a completed", "b")).broken == []
    lost = row(MADE, COMPLETED, stored=("a",))
    assert (lost.found, lost.missing) == (1, 1)
    assert lost.broken == ["1 of what was acknowledged is missing"]
    assert lost.ledger.unanswered(["a", "b"]) == 1


def test_a_503_must_say_when_to_come_again() -> None:
    assert row(REFUSED).broken == []
    assert row(REFUSED._replace(retry_after=None)).broken == [
        "1 answers of 503 have no Retry-After"
    ]


def test_a_status_that_was_not_allowed_is_a_broken_promise() -> None:
    mixed = row(REFUSED, Exchange(0, 1, LOST, "ConnectionResetError"), MADE, stored=("a",))
    mixed.require_statuses("201", "503", LOST)
    assert mixed.broken == []
    mixed.require_statuses("201", LOST)
    assert len(mixed.broken) == 1


def test_several_faults_can_share_a_row() -> None:
    rows = {"one": row(MADE, stored=("a",)), "other": row(REFUSED._replace(retry_after=None))}
    rows["one"].note("well")
    together = Row.together("Both", rows)
    assert together.notes == ["one: well", "other: "]
    assert "other: 1 answers of 503 have no Retry-After" in together.broken
    assert together.ledger.statuses == {"201": 1, "503": 1}


def test_the_table_has_all_figures_of_a_fault() -> None:
    one = row(MADE, COMPLETED, REFUSED, Exchange(4, 4, ABORTED), stored=("a", "a completed"))
    one.note("and so on")
    headings, _, figures = table([one]).splitlines()
    assert headings == f"| {' | '.join(HEADINGS)} |"
    assert figures == (
        "| **A fault** | 4 | 2 | 2 | 0 | 1 × 200, 1 × 201, 1 × 503, 1 × aborted by the client"  # noqa: RUF001
        " | 503 `database_unavailable`, 3.10 s; 503 `database_unavailable`, 3.10 s | 0.50 s"
        " | and so on |"
    )
