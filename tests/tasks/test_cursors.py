"""A cursor decodes to the position that was encoded, and only in its own scope."""

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.openapi import read
from app.tasks.cursors import PageCursor, decode_cursor, encode_cursor
from app.tasks.errors import InvalidCursorError

INSTANTS = st.none() | st.datetimes(timezones=st.just(UTC))
POSITIONS = st.builds(PageCursor, INSTANTS, st.uuids())
PATTERN = read().tree["components"]["schemas"]["Cursor"]["pattern"]
SCOPES = st.lists(st.text(), min_size=1, max_size=3).map(tuple)


@given(POSITIONS, SCOPES)
def test_a_position_comes_back(position: PageCursor, scope: tuple[str, ...]) -> None:
    assert decode_cursor(encode_cursor(position, *scope), *scope) == position


@given(POSITIONS, SCOPES, SCOPES)
def test_a_cursor_is_refused_in_another_scope(
    position: PageCursor, scope: tuple[str, ...], other: tuple[str, ...]
) -> None:
    assume(scope != other)
    with pytest.raises(InvalidCursorError):
        decode_cursor(encode_cursor(position, *scope), *other)


@given(st.text())
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursorError):
        decode_cursor(text, "ada")


@given(POSITIONS)
def test_a_cursor_has_the_form_that_the_contract_says(position: PageCursor) -> None:
    assert re.fullmatch(PATTERN, encode_cursor(position, "ada", "None"))


def test_parts_of_a_scope_cannot_be_shifted() -> None:
    cursor = encode_cursor(PageCursor(datetime(2026, 1, 1, tzinfo=UTC), UUID(int=7)), "ab", "c")
    with pytest.raises(InvalidCursorError):
        decode_cursor(cursor, "a", "bc")
