"""Tests of a user's share of the pool: how much one user may hold, and which request is next."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.database.database import Database
from app.database.driver import shares
from app.database.driver.errors import DatabaseUnavailableError, SearchTimeoutError
from app.database.driver.shares import ShareUsage
from app.database.driver.turns import Turns
from app.database.driver.url import DatabaseUrl
from app.tasks.wall import WALL

POOL_SIZE = 5
SLEEP = text("SELECT pg_sleep(0.3)")
LONG_SLEEP = text("SELECT pg_sleep(8)")
NOTHING = text("SELECT 1")


@pytest.fixture
async def database(database_url: DatabaseUrl) -> AsyncIterator[Database]:
    """A database with a pool of five."""
    database = Database(database_url, POOL_SIZE, wall=WALL)
    await database.session("nobody").read(NOTHING)
    yield database
    assert database.usage.in_use == database.usage.waiting == 0
    assert database.share_usage == ShareUsage(0, 0, 0)
    await database.close()


async def hold(database: Database, user: str, release: asyncio.Event) -> None:
    async with database.user_transaction(user):
        await release.wait()


@pytest.mark.parametrize(
    ("size", "share", "searches"), [(1, 1, 1), (2, 1, 1), (3, 1, 1), (5, 2, 2), (10, 5, 3)]
)
async def test_a_user_holds_half_of_the_pool_and_searches_a_third(
    database_url: DatabaseUrl, size: int, share: int, searches: int
) -> None:
    database = Database(database_url, size, wall=WALL)
    release = asyncio.Event()
    users = [f"user {number} {uuid4()}" for number in range(size)]
    async with asyncio.TaskGroup() as group:
        for _ in range(size + 1):
            group.create_task(hold(database, "ada", release))
        await asyncio.sleep(0.3)
        assert database.usage.in_use == share
        assert database.share_usage.waiting == size + 1 - share
        release.set()
    async with asyncio.TaskGroup() as group:
        for user in users:
            group.create_task(database.session(user).search(SLEEP))
        await asyncio.sleep(0.15)
        assert database.share_usage.searching == searches
        assert database.share_usage.waiting_to_search == size - searches
    await database.close()


async def test_a_user_with_40_transactions_keeps_no_other_waiting(database: Database) -> None:
    release = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(40):
            group.create_task(hold(database, "ada", release))
        await asyncio.sleep(0.1)
        for _ in range(20):
            await database.session("eve").read(NOTHING)
            async with database.user_transaction("eve") as transaction:
                await transaction.read(NOTHING)
            await database.session("eve").search(NOTHING)
        assert database.usage.in_use == 2
        release.set()


async def test_requests_of_a_user_come_in_their_order() -> None:
    turns, order = Turns(2, 10), []

    async def note(number: int) -> None:
        await turns.acquire("ada")
        order.append(number)
        turns.release("ada")

    for _ in range(2):
        await turns.acquire("ada")
    async with asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(note(number))
        await asyncio.sleep(0)
        assert turns.waiting == 6
        turns.release("ada")
    assert order == sorted(order)


async def test_a_share_that_stays_taken_is_unavailable(
    database_url: DatabaseUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "TIMEOUT_SECONDS", 0.1)
    database = Database(database_url, 5, wall=WALL)
    release = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(hold(database, "ada", release))
        await asyncio.sleep(0.1)
        with pytest.raises(DatabaseUnavailableError):
            await database.session("ada").read(NOTHING)
        with pytest.raises(SearchTimeoutError):
            await database.session("ada").search(NOTHING)
        await database.session("eve").read(NOTHING)
        release.set()
    await database.session("ada").read(NOTHING)
    await database.close()


async def test_searches_of_a_user_run_one_at_a_time(database: Database) -> None:
    most = 0
    async with asyncio.TaskGroup() as group:
        searches = [group.create_task(database.session("ada").search(SLEEP)) for _ in range(3)]
        while not all(each.done() for each in searches):
            most = max(most, database.share_usage.searching)
            await asyncio.sleep(0.01)
    assert most == 1


async def test_a_slow_search_is_cancelled_with_its_own_error(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.database.database.SEARCH_MS", 200)
    with pytest.raises(SearchTimeoutError):
        await database.session("ada").search(LONG_SLEEP)
    await database.session("ada").search(NOTHING)


async def test_a_request_that_is_not_admitted_gives_its_share_back(
    database_url: DatabaseUrl,
) -> None:
    admitted: list[str] = []

    class FullError(Exception):
        pass

    def admit(user: str) -> None:
        admitted.append(user)
        if user == "ada":
            raise FullError

    database = Database(database_url, 2, admit=admit, wall=WALL)

    async def in_transaction() -> None:
        async with database.user_transaction("ada"):
            pass

    session = database.session("ada")
    for _ in range(3):
        async with asyncio.TaskGroup() as group, database.user_transaction("ada"):
            requests = [session.read(NOTHING), session.search(NOTHING), in_transaction()]
            waiting = [group.create_task(_fails(request, FullError)) for request in requests]
            while sum(database.share_usage) < len(waiting):  # noqa: ASYNC110 - they start
                await asyncio.sleep(0)
    await database.session("eve").read(NOTHING)
    assert admitted == ["ada"] * 9
    assert database.share_usage == ShareUsage(0, 0, 0)
    assert database.usage.in_use == 0
    await database.close()


async def _fails(request: Awaitable[object], error: type[Exception]) -> None:
    with pytest.raises(error):
        await request


async def test_a_turn_is_not_lost_if_its_waiter_is_just_cancelled() -> None:
    turns = Turns(1, 10)
    await turns.acquire("ada")
    first, second = (asyncio.create_task(turns.acquire("ada")) for _ in range(2))
    await asyncio.sleep(0)
    turns.release("ada")
    first.cancel()
    await asyncio.wait({first, second})
    assert first.cancelled()
    assert not second.cancelled()
    assert (turns.held, turns.waiting) == (1, 0)
    turns.release("ada")
    assert turns.held == 0


async def test_a_waiter_that_leaves_is_passed_over() -> None:
    turns = Turns(1, 10)
    await turns.acquire("ada")
    waiters = [asyncio.create_task(turns.acquire("ada")) for _ in range(3)]
    await asyncio.sleep(0)
    waiters[0].cancel()
    waiters[2].cancel()
    turns.release("ada")
    await asyncio.wait(waiters)
    assert [each.cancelled() for each in waiters] == [True, False, True]
    turns.release("ada")
    assert (turns.held, turns.waiting) == (0, 0)
