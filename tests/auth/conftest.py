"""Tokens, good and bad."""

from datetime import timedelta

import pytest

from tests.tokens import claims_for, sign, token_for


@pytest.fixture
def valid_token(user: str) -> str:
    """A token that holds for an hour."""
    return token_for(user)


@pytest.fixture
def expired_token(user: str) -> str:
    """A token that expired before the leeway."""
    return token_for(user, exp=timedelta(seconds=-31))


@pytest.fixture
def not_yet_valid_token(user: str) -> str:
    """A token that is not valid before the leeway's end."""
    return token_for(user, nbf=timedelta(seconds=60))


@pytest.fixture
def forged_token(user: str) -> str:
    """A token that is signed with another secret."""
    return sign(claims_for(user), secret="another-secret-of-at-least-32-bytes!")


@pytest.fixture
def userless_token() -> str:
    """A token that holds, and names nobody."""
    return token_for("", sub=None)
