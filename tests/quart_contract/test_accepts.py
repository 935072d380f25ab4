"""`Accept` is read as Werkzeug reads it, in a time that does not depend on its content."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from quart_contract.accepts import accepts_json
from quart_contract.operations import JSON

NAMES = st.sampled_from([JSON, "application/*", "*/*", "text/html", "application/json5", "*/json"])
PARAMETERS = st.sampled_from(
    ["", ";q=0", ";q=0.0", ";q=0.001", "; q=1", ";Q=0", " ; q=0.5", ";q=1.0", ";q=1;q=0"]
)
RANGES = st.builds("{}{}".format, NAMES, PARAMETERS)
HEADERS = st.lists(RANGES, max_size=6).flatmap(
    lambda ranges: st.sampled_from([",", ", ", " ,\t", ",,"]).map(lambda comma: comma.join(ranges))
)


def accepts_as_in_werkzeug(header: str) -> bool:
    accepted = parse_accept_header(header, MIMEAccept)
    return not accepted or accepted.best_match([JSON]) is not None


@given(HEADERS)
def test_accept_means_what_it_means_to_werkzeug(header: str) -> None:
    assert accepts_json([header]) == accepts_as_in_werkzeug(header)


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ([], True),
        ([""], True),
        ([", ,"], True),
        (["application/json; charset=utf-8"], True),
        (["Application/JSON"], True),
        (['text/plain; x="a, */*"'], False),
        (['text/plain; x="\\", */*"'], False),
        (['*/*; x="; q=0"'], True),
        (["text/html", "*/*;q=0.1"], True),
        (["application/json;q=0", "*/*"], False),
        (["*/*;q=0, application/*"], True),
        (["text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"], True),  # HttpURLConnection
        (["text/html, *; q=.2"], True),
        (["*/*; q=0., text/*"], False),
        (["application/json;q=1."], True),
        (["*/*;q=."], False),
        (["*/*;q=2"], False),
        (["*/*;q=0.5x"], False),
        (["xapplication/json"], False),
        (["application/json text/html"], False),
    ],
)
def test_accept_covers_json_or_not(headers: list[str], accepted: bool) -> None:
    assert accepts_json(headers) == accepted
