"""The threat model names existing tests in every line that claims one."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "explanation" / "threat-model.md").read_text()
ROWS = re.findall(r"(?m)^\| (API\d+|3\.\d+) \|.*\| ([^|]*) \|$", PAGE)


def test_every_line_of_the_lists_is_there() -> None:
    owasp = [f"API{number}" for number in range(1, 11)]
    rfc_8725 = [f"3.{number}" for number in range(1, 13)]
    assert [name for name, _ in ROWS] == owasp + rfc_8725


@pytest.mark.parametrize(("name", "shown_by"), ROWS)
def test_what_shows_a_defence_is_there(name: str, shown_by: str) -> None:
    paths = re.findall(r"`([^`]+)`", shown_by)
    assert paths, name
    assert [path for path in paths if not (TESTS / path.removeprefix("tests/")).is_file()] == []
