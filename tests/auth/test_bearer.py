"""Tests of the token in the Authorization header."""

import pytest

from app.auth.bearer import MAX_TOKEN_BYTES, bearer_token
from app.auth.errors import InvalidTokenError, MissingTokenError


@pytest.mark.parametrize("header", ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c"])
def test_the_token_follows_the_scheme(header: str) -> None:
    assert bearer_token([header]) == "a.b.c"


@pytest.mark.parametrize("headers", [[], [""], ["Basic dTpw"], ["a.b.c"], ["Bearertoken"]])
def test_without_the_scheme_there_is_no_token(headers: list[str]) -> None:
    with pytest.raises(MissingTokenError):
        bearer_token(headers)


@pytest.mark.parametrize(
    "headers",
    [
        ["Bearer"],
        ["Bearer "],
        ["Bearer a b"],
        ["Bearer a,b"],
        ["Bearer é"],
        ["Bearer a\n"],
        ["Bearer\ta"],
        ["Bearer a", "Bearer a"],
        ["Basic dTpw", "Bearer a"],
        ["Bearer " + "a" * (MAX_TOKEN_BYTES + 1)],
    ],
)
def test_what_is_not_one_well_formed_token_is_refused(headers: list[str]) -> None:
    with pytest.raises((InvalidTokenError, MissingTokenError)):
        bearer_token(headers)


def test_a_token_may_have_eight_kibibytes() -> None:
    longest = "a" * MAX_TOKEN_BYTES
    assert bearer_token([f"Bearer {longest}"]) == longest
