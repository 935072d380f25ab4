"""Valid and invalid tokens, and an issuer's keys."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from app.auth.key_sources import KeyAddress
from app.auth.tokens import TokenVerifier
from tests.auth.signed_tokens import EXPECTED
from tests.support.key_server import KeyServer, key_server
from tests.support.tokens import SECRET, token_for


@pytest.fixture
def valid_token(user: str) -> str:
    """A token that is valid for an hour."""
    return token_for(user)


@pytest.fixture
def expired_token(user: str) -> str:
    """A token that expired one second before the leeway begins."""
    return token_for(user, exp=timedelta(seconds=-31))


@pytest.fixture
def forged_token(user: str) -> str:
    """A token signed with another secret."""
    return token_for(user, "another-secret-of-at-least-32-bytes!")


@pytest.fixture
def published() -> Iterator[KeyServer]:
    """The server of the issuer's keys."""
    with key_server() as server:
        yield server


@pytest.fixture
async def verifier(published: KeyServer) -> AsyncIterator[TokenVerifier]:
    """A verifier for both kinds of tokens."""
    verifier = TokenVerifier([SECRET], KeyAddress(published.url), EXPECTED)
    yield verifier
    await verifier.close()
