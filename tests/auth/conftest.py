"""Tokens, good and bad, and an issuer's keys."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from app.auth.tokens import TokenVerifier
from tests.auth.issued import ISSUER
from tests.tokens import SECRET, claims_for, sign, token_for
from tests.tokens.key_server import KeyServer, key_server


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


@pytest.fixture
def published() -> Iterator[KeyServer]:
    """The issuer's server."""
    with key_server() as server:
        yield server


@pytest.fixture
async def verifier(published: KeyServer) -> AsyncIterator[TokenVerifier]:
    """A verifier of both kinds of tokens."""
    verifier = TokenVerifier([SECRET], published.url, issuer=ISSUER["iss"], audience=ISSUER["aud"])
    yield verifier
    await verifier.close()
