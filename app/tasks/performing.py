"""Perform a request, and if it has an idempotency key, once for the key."""

from collections.abc import Callable
from typing import TypeVar

import msgspec
from quart import request

from ..database.database import Database
from ..database.driver.sessions import UserTransaction
from .errors import UndecidedError
from .idempotency import IdempotencyStore, StoredResponse, Work

_REPETITIONS = 3

T = TypeVar("T", bound=msgspec.Struct | None)


async def perform(
    database: Database,
    user_id: str,
    work: Work[T],
    key: str | None,
    fingerprint: Callable[[], bytes],
) -> StoredResponse[T]:
    """Perform a request, and return the response. `fingerprint` returns that of the request.

    Without a key and a lock, it takes no transaction. If it is undecided, it is repeated with the
    user's row locked. The row may not exist before the second repetition.
    """

    async def run(transaction: UserTransaction) -> StoredResponse[T]:
        if key is not None:
            return await _once(transaction, key, fingerprint(), work)
        response, _ = await work.perform(transaction)
        return response

    async def attempt(*, locking: bool) -> StoredResponse[T]:
        if key is None and not locking:
            response, _ = await work.perform(database.session(user_id))
            return response
        return await database.in_transaction(user_id, run, locking=locking)

    locking = work.locks and key is None
    for _ in range(_REPETITIONS):
        try:
            return await attempt(locking=locking)
        except UndecidedError:
            locking = True
    return await attempt(locking=True)


async def _once(
    transaction: UserTransaction, key: str, fingerprint: bytes, work: Work[T]
) -> StoredResponse[T]:
    """Perform a request once for its key, or return the first response again."""
    keys = IdempotencyStore(transaction, str(request.endpoint))
    response, replayed = await keys.once(key, fingerprint, work)
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response
