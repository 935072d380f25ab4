"""A cursor decodes to the position that was encoded, and only in its own scope."""

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.openapi import read
from app.tasks.cursors import PageCursor, SortValue, decode_cursor, encode_cursor
from app.tasks.errors import InvalidCursorError
from app.tasks.fields import PRIORITIES

KINDS: dict[type[SortValue], st.SearchStrategy[SortValue]] = {
    datetime: st.datetimes(timezones=st.just(UTC)),
    int: st.sampled_from(range(len(PRIORITIES))),
    str: st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=100),
}
PATTERN = read().tree["components"]["schemas"]["Cursor"]["pattern"]
SCOPES = st.lists(st.text(), min_size=1, max_size=3).map(tuple)


@st.composite
def positions(draw: st.DrawFn) -> tuple[type[SortValue], PageCursor]:
    kind = draw(st.sampled_from(list(KINDS)))
    return kind, PageCursor(draw(st.none() | KINDS[kind]), draw(st.uuids()))


@given(positions(), SCOPES)
def test_a_position_comes_back(
    position: tuple[type[SortValue], PageCursor], scope: tuple[str, ...]
) -> None:
    kind, cursor = position
    assert decode_cursor(encode_cursor(cursor, *scope), kind, *scope) == cursor


@given(positions(), SCOPES, SCOPES)
def test_a_cursor_is_refused_in_another_scope(
    position: tuple[type[SortValue], PageCursor], scope: tuple[str, ...], other: tuple[str, ...]
) -> None:
    assume(scope != other)
    kind, cursor = position
    with pytest.raises(InvalidCursorError):
        decode_cursor(encode_cursor(cursor, *scope), kind, *other)


@given(st.text(), st.sampled_from(list(KINDS)))
def test_any_text_is_refused(text: str, kind: type[SortValue]) -> None:
    with pytest.raises(InvalidCursorError):
        decode_cursor(text, kind, "ada")


@given(positions())
def test_a_cursor_has_the_form_that_the_contract_says(
    position: tuple[type[SortValue], PageCursor],
) -> None:
    assert re.fullmatch(PATTERN, encode_cursor(position[1], "ada", "None"))


def test_parts_of_a_scope_cannot_be_shifted() -> None:
    cursor = encode_cursor(PageCursor(datetime(2026, 1, 1, tzinfo=UTC), UUID(int=7)), "ab", "c")
    with pytest.raises(InvalidCursorError):
        decode_cursor(cursor, datetime, "a", "bc")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (2**15, int),  # PostgreSQL has no such smallint
        ("a\0", str),  # nor such a text
        ("x" * 101, str),
        ("a", int),
        ("a", datetime),
        (7, str),
        (2**62, datetime),
    ],
)
def test_a_forged_value_that_no_list_has_is_refused(
    value: SortValue, kind: type[SortValue]
) -> None:
    cursor = encode_cursor(PageCursor(value, UUID(int=7)), "ada")
    with pytest.raises(InvalidCursorError):
        decode_cursor(cursor, kind, "ada")
