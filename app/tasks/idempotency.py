"""Idempotency keys. The key and the outcome of a request are stored in its transaction.

A repeated request has the same body. So the outcome has only what the server added to the
response: ids, revisions and times.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import (
    CTE,
    BigInteger,
    Insert,
    Integer,
    Interval,
    LargeBinary,
    Text,
    bindparam,
    case,
    cast,
    extract,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from ..database.driver.sessions import UserSession
from ..database.driver.statements import SET_OWNER
from .errors import (
    IdempotencyKeyInUseError,
    IdempotencyKeyReusedError,
    StorageBudgetReachedError,
)
from .models import idempotency_keys, users
from .rows import IS_THE_OWNER, kept
from .statements import LOCK_USER
from .wall import KEYS_EXPIRE

T = TypeVar("T", bound=msgspec.Struct | None)

MAX_KEY_BYTES = 8 * 1024 * 1024
"""The storage for a user's keys in a period of `KEYS_EXPIRE`. The first key begins the period."""
_BYTES_OF_A_ROW = 250
"""The size of a row and its two index entries, without the user's id, the operation and the key
(each is stored twice), and without the outcome."""

_ESCAPED = re.compile(r"\\(.)")
_keys = idempotency_keys.c
_OPERATION = bindparam("operation", type_=Text)
_KEY = bindparam("key", type_=Text)
_COST = bindparam("cost", type_=Integer)
_LIFETIME = literal(KEYS_EXPIRE.lifetime, Interval)

TAKE_KEY = select(func.pg_try_advisory_xact_lock(bindparam("lock", type_=BigInteger)))
SELECT_KEY = kept(
    idempotency_keys,
    _keys.fingerprint,
    _keys.outcome,
    cast(_keys.headers, Text).label("headers"),
    _keys.body,
    _keys.status,
).where(_keys.operation == _OPERATION, _keys.key == _KEY, _keys.created_at > func.now() - _LIFETIME)
SECONDS_TO_WAIT = select(
    cast(extract("epoch", users.c.key_bytes_since + _LIFETIME - func.now()), Integer)
).where(SET_OWNER, IS_THE_OWNER)


def _charged() -> CTE:
    """Add the cost of a key to the user's stored bytes. No row means that the budget is used up."""
    is_over = users.c.key_bytes_since <= func.now() - _LIFETIME
    stored = case((is_over, 0), else_=users.c.key_bytes)
    return (
        update(users)
        .where(SET_OWNER, IS_THE_OWNER, stored <= MAX_KEY_BYTES - _COST)
        .values(
            key_bytes=stored + _COST,
            key_bytes_since=case((is_over, func.now()), else_=users.c.key_bytes_since),
        )
        .returning(users.c.id, users.c.revision)
        .cte("charged")
    )


def _store_key() -> Insert:
    charged = _charged()
    values = {
        "user_id": charged.c.id,
        "operation": _OPERATION,
        "key": _KEY,
        "fingerprint": bindparam("fingerprint", type_=LargeBinary),
        "outcome": bindparam("outcome", type_=LargeBinary),
        "revision": charged.c.revision,
    }
    stored = postgresql.insert(idempotency_keys).from_select(list(values), select(*values.values()))
    # An existing row is expired or erased, and waits to be deleted.
    replaced = {each.name: stored.excluded[each.name] for each in _keys if not each.primary_key}
    return stored.on_conflict_do_update(
        index_elements=[_keys.user_id, _keys.operation, _keys.key], set_=replaced
    ).returning(_keys.key)


STORE_KEY = _store_key()


class StoredResponse(NamedTuple, Generic[T]):
    """The headers, the body and the status of a response."""

    headers: dict[str, str]
    body: T
    status: int = 200


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """What the server added to a request to make the response, such as ids of new tasks.

    The tasks are in the order of the request, and share `created_at`, the time of the transaction.
    An outcome is stored as a MessagePack array, so that a later version can append members.
    """

    created_at: datetime | None = None
    """None if no task was created."""
    created: list[tuple[UUID, int]] = []
    """`(id, revision)` of each new task."""
    failed: list[tuple[int, UUID, str]] = []
    """`(index, id, problem code)` of each operation of a batch that failed."""
    found: list[tuple[int, UUID]] = []
    """`(index, id)` of each create of a batch whose task existed before."""


class Work(Protocol[T]):
    """A request that can have an idempotency key."""

    @property
    def response(self) -> type[T]:
        """The type of the response's body."""

    @property
    def locks(self) -> bool:
        """True if the user's row must be locked before."""

    async def perform(self, session: UserSession) -> tuple[StoredResponse[T], Outcome | None]:
        """Make the change. Return the response, and the outcome to repeat it from.

        The outcome is None if nothing succeeded. Then, as after an error, nothing is stored.
        """

    async def repeat(self, session: UserSession, outcome: Outcome) -> StoredResponse[T]:
        """Return the first response again, without any change."""


_encoder = msgspec.msgpack.Encoder(uuid_format="bytes")
_decoder = msgspec.msgpack.Decoder(Outcome)


class IdempotencyStore:
    """The idempotency keys of the user of a transaction, for one operation."""

    def __init__(self, session: UserSession, operation: str) -> None:
        self._session = session
        self._operation = operation

    async def once(
        self, header: str, fingerprint: bytes, work: Work[T]
    ) -> tuple[StoredResponse[T], bool]:
        """Perform the request once for its key. Return the response, and whether it is a repeat.

        `fingerprint` is that of the request. Raises `IdempotencyKeyInUseError` while another
        transaction uses this key, `IdempotencyKeyReusedError` if the key was used for another
        request, and `StorageBudgetReachedError` if the user cannot store another key now.
        """
        key = key_of(header)
        # Take the key before the user's row is locked, so that a repeat fails at once instead of
        # waiting with the first request.
        if not (await self._session.read(TAKE_KEY, lock=self._lock(key)))[0][0]:
            raise IdempotencyKeyInUseError
        # A separate statement has a newer snapshot: it sees a key that was committed before this
        # transaction got the lock.
        stored = await self._session.read(SELECT_KEY, operation=self._operation, key=key)
        if stored:
            if stored[0]["fingerprint"] != fingerprint:
                raise IdempotencyKeyReusedError
            return await self._repeat(stored[0], work), True
        if work.locks:
            await self._session.change(LOCK_USER)
        response, outcome = await work.perform(self._session)
        if outcome is not None:
            await self._store(key, fingerprint, _encoder.encode(outcome))
        return response, False

    async def _repeat(self, stored: Mapping[str, Any], work: Work[T]) -> StoredResponse[T]:
        if stored["outcome"] is not None:
            return await work.repeat(self._session, _decoder.decode(stored["outcome"]))
        # Version 0.2 stored the response itself.
        headers = msgspec.json.decode(stored["headers"], type=dict[str, str])
        body = msgspec.json.decode(stored["body"], type=work.response)
        return StoredResponse(headers, body, stored["status"])

    async def _store(self, key: str, fingerprint: bytes, outcome: bytes) -> None:
        names = f"{self._session.user_id}{self._operation}{key}"
        charged = await self._session.change(
            STORE_KEY,
            operation=self._operation,
            key=key,
            fingerprint=fingerprint,
            outcome=outcome,
            cost=_BYTES_OF_A_ROW + 2 * len(names.encode()) + len(outcome),
        )
        if not charged:
            seconds = (await self._session.read(SECONDS_TO_WAIT))[0][0]
            raise StorageBudgetReachedError(max(seconds, 1))

    def _lock(self, key: str) -> int:
        # Neither a user's id nor a key can have the control character that separates them.
        name = f"{self._session.user_id}\x00{self._operation}\x00{key}"
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)


def fingerprint_of(body: msgspec.Struct | None, id_: UUID | None = None) -> bytes:
    """Return a hash of a request: of its body, and of the id of the task in its path."""
    content = msgspec.json.encode(body)
    return hashlib.sha256(content if id_ is None else id_.bytes + content).digest()


def key_of(header: str) -> str:
    """Return the key in a header, which is plain text or a structured field's quoted string."""
    return _ESCAPED.sub(r"\1", header[1:-1]) if header.startswith('"') else header
