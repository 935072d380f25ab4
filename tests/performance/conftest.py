"""Fixtures: a database of 100,000 tasks, and sessions of users with few and with many tasks."""

import sys
from collections.abc import AsyncIterator, Iterator

import pytest

from app.database.driver.url import DatabaseUrl
from tests.performance.explain import (
    USERS,
    ExplainedSession,
    crowded_database,
    explained_session,
)


@pytest.fixture(scope="session")
async def crowded(database_url: DatabaseUrl) -> AsyncIterator[DatabaseUrl]:
    async with crowded_database(database_url) as url:
        yield url


@pytest.fixture(params=USERS)
async def session(
    crowded: DatabaseUrl, request: pytest.FixtureRequest
) -> AsyncIterator[ExplainedSession]:
    async with explained_session(crowded, request.param) as session:
        yield session


@pytest.fixture(scope="module")
def untraced() -> Iterator[None]:
    """Stop the tracer of coverage while measuring: it slows down Python, but not C."""
    tracer = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(tracer)
