"""Perform a request, and if it has an idempotency key, once for the key."""

from collections.abc import Callable
from typing import TypeVar

import msgspec
from quart import request

from ..database.database import Database
from ..database.driver.sessions import UserTransaction
from .idempotency import IdempotencyStore, StoredResponse, Work
from .responses import Headers

T = TypeVar("T", bound=msgspec.Struct | None)


async def perform(
    database: Database,
    user_id: str,
    work: Work[T],
    key: str | None,
    fingerprint: Callable[[], bytes],
) -> tuple[T, Headers]:
    """Perform a request, and return the body and the headers of the response.

    Without a key and a lock, it takes no transaction. `fingerprint` returns that of the request.
    """
    if key is None and not work.locks:
        response, _ = await work.perform(database.session(user_id))
    elif key is None:
        response, _ = await database.in_transaction(user_id, work.perform, locking=True)
    else:
        response = await database.in_transaction(
            user_id, lambda transaction: once(transaction, key, fingerprint(), work)
        )
    return response.body, response.headers


async def once(
    transaction: UserTransaction, key: str, fingerprint: bytes, work: Work[T]
) -> StoredResponse[T]:
    """Perform a request once for its key, or return the first response again."""
    keys = IdempotencyStore(transaction, str(request.endpoint))
    response, replayed = await keys.once(key, fingerprint, work)
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response
