"""Tests of the verifier's settings; the corpus of tokens covers invalid tokens."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta

import jwt
import pytest
from jwt.warnings import InsecureKeyLengthWarning

from app.auth import tokens
from app.auth.errors import InvalidTokenError
from app.auth.expected import NOTHING, Expected
from app.auth.tokens import TokenVerifier
from tests.support.tokens import OTHER_SECRET, SECRET, token_for


def verify(token: str, secrets: Sequence[str] = (SECRET,), expected: Expected = NOTHING) -> str:
    verifier = TokenVerifier(secrets, expected=expected)
    return asyncio.run(verifier.verify(token))


@pytest.mark.parametrize("changes", [{}, {"aud": "somebody else"}, {"iss": "somebody"}], ids=str)
def test_issuer_and_audience_do_not_count_where_none_is_set(changes: dict[str, str]) -> None:
    assert verify(token_for("ada", **changes)) == "ada"


@pytest.mark.parametrize("token", ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", "e30.e30.", "\ud800"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidTokenError):
        verify(token)


@pytest.mark.parametrize("header", [{"jku": "https://a"}, {"typ": "at"}, {"typ": 1}, {"alg": 1}])
def test_a_header_that_is_not_supported_is_refused(header: dict[str, object]) -> None:
    _, *others = token_for("ada").split(".")
    changed = jwt.utils.base64url_encode(json.dumps({"alg": "HS256"} | header).encode()).decode()
    with pytest.raises(InvalidTokenError, match="header"):
        verify(".".join([changed, *others]))


def test_a_secret_that_is_too_short_verifies_nothing() -> None:
    with pytest.warns(InsecureKeyLengthWarning):
        token = token_for("ada", "s" * 31)
    with pytest.raises(InvalidTokenError):
        verify(token, secrets=["s" * 31])


@pytest.mark.parametrize("secret", [SECRET, OTHER_SECRET])
def test_while_there_are_two_secrets_the_tokens_of_both_hold(secret: str) -> None:
    assert verify(token_for("ada", secret), secrets=[OTHER_SECRET, SECRET]) == "ada"


async def test_tokens_of_a_removed_secret_are_rejected_even_if_known() -> None:
    token = token_for("ada")
    rotating = TokenVerifier([OTHER_SECRET, SECRET])
    assert await rotating.verify(token) == rotating.remembered(token) == "ada"
    restarted = TokenVerifier([OTHER_SECRET])
    assert restarted.remembered(token) is None
    with pytest.raises(InvalidTokenError):
        await restarted.verify(token)


@pytest.mark.parametrize("secret", [SECRET + OTHER_SECRET, SECRET[:-1], f"{SECRET},{OTHER_SECRET}"])
def test_those_of_a_third_do_not(secret: str) -> None:
    with pytest.raises(InvalidTokenError, match="its signature is not valid"):
        verify(token_for("ada", secret), secrets=[OTHER_SECRET, SECRET])


@pytest.mark.parametrize("secret", [SECRET, OTHER_SECRET])
def test_an_expired_token_does_not_hold_under_either(secret: str) -> None:
    token = token_for("ada", secret, exp=timedelta(seconds=-60))
    with pytest.raises(InvalidTokenError, match="exp is in the past"):
        verify(token, secrets=[OTHER_SECRET, SECRET])


async def test_the_tokens_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "REMEMBERED_TOKENS", 10)
    verifier = TokenVerifier([SECRET])
    made = [token_for(f"user {number}") for number in range(30)]
    for number, token in enumerate(made):
        assert await verifier.verify(token) == verifier.remembered(token) == f"user {number}"
    assert [verifier.remembered(token) is not None for token in made] == [False] * 20 + [True] * 10
