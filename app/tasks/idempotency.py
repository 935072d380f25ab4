"""Idempotency keys: what the first response is made of, stored in the transaction of its change.

A repeat has the same body, so only what the server added to it is stored: ids, revisions, times.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol
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

from app.database.driver.sessions import UserSession
from app.database.driver.statements import NAMES_THE_OWNER
from app.tasks.errors import (
    IdempotencyKeyInUseError,
    IdempotencyKeyReusedError,
    StorageBudgetReachedError,
)
from app.tasks.models import idempotency_keys, users
from app.tasks.rows import IS_THE_OWNER, kept

LIFETIME = timedelta(hours=24)
MAX_KEY_BYTES = 8 * 1024 * 1024
"""What the keys of a user may take within `LIFETIME` of the first; then it begins again."""
_BYTES_OF_A_ROW = 250
"""What a row and its two indexes take, but for the user's id, the operation, the key (each twice)
and the outcome."""

_ESCAPED = re.compile(r"\\(.)")
_keys = idempotency_keys.c
_OPERATION = bindparam("operation", type_=Text)
_KEY = bindparam("key", type_=Text)
_COST = bindparam("cost", type_=Integer)
_LIFETIME = literal(LIFETIME, Interval)

TAKE_KEY = select(func.pg_try_advisory_xact_lock(bindparam("lock", type_=BigInteger)))
SELECT_KEY = kept(
    idempotency_keys,
    _keys.fingerprint,
    _keys.outcome,
    cast(_keys.headers, Text).label("headers"),
    _keys.body,
).where(_keys.operation == _OPERATION, _keys.key == _KEY, _keys.created_at > func.now() - _LIFETIME)
SECONDS_TO_WAIT = select(
    cast(extract("epoch", users.c.key_bytes_since + _LIFETIME - func.now()), Integer)
).where(NAMES_THE_OWNER, IS_THE_OWNER)


def _charged() -> CTE:
    """Add the cost of a key to what the user has stored; no row where the budget is used up."""
    is_over = users.c.key_bytes_since <= func.now() - _LIFETIME
    stored = case((is_over, 0), else_=users.c.key_bytes)
    return (
        update(users)
        .where(NAMES_THE_OWNER, IS_THE_OWNER, stored <= MAX_KEY_BYTES - _COST)
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
    # A row that is there already is expired or erased, and waits to be deleted.
    replaced = {each.name: stored.excluded[each.name] for each in _keys if not each.primary_key}
    return stored.on_conflict_do_update(
        index_elements=[_keys.user_id, _keys.operation, _keys.key], set_=replaced
    ).returning(_keys.key)


STORE_KEY = _store_key()


class Answer(msgspec.Struct, frozen=True):
    """A response; the body is JSON."""

    headers: dict[str, str]
    body: bytes


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """What a response is made of, besides the request: ids and revisions of the tasks created.

    The tasks are in the order of the request, and have one `created_at`, that of the transaction.
    It is stored as a MessagePack array, so that a later version can append members.
    """

    created_at: datetime | None = None
    created: list[tuple[UUID, int]] = []


class Work(Protocol):
    """A request that has a key."""

    async def perform(self, session: UserSession) -> tuple[Answer, Outcome]:
        """Do it, and return the response and what that is made of."""

    async def repeat(self, session: UserSession, outcome: Outcome) -> Answer:
        """Change nothing, and return the first response again."""


_encoder = msgspec.msgpack.Encoder(uuid_format="bytes")
_decoder = msgspec.msgpack.Decoder(Outcome)


class IdempotencyStore:
    """The idempotency keys of the user of a transaction, for one operation."""

    def __init__(self, session: UserSession, operation: str) -> None:
        self._session = session
        self._operation = operation

    async def once(self, header: str, body: msgspec.Struct, work: Work) -> tuple[Answer, bool]:
        """Perform, unless it was done under this key; return the response, and whether it was done.

        Raises `IdempotencyKeyInUseError` while another transaction performs under this key,
        `IdempotencyKeyReusedError` where it was done with another body, and
        `StorageBudgetReachedError` where the user may not store another key now.
        """
        key, fingerprint = key_of(header), hashlib.sha256(msgspec.json.encode(body)).digest()
        # Before the user's row is locked: a repeat does not wait for what the first waits for.
        if not (await self._session.read(TAKE_KEY, lock=self._lock(key)))[0][0]:
            raise IdempotencyKeyInUseError
        # A statement of its own: it sees what was committed before the lock was free.
        stored = await self._session.read(SELECT_KEY, operation=self._operation, key=key)
        if stored:
            if stored[0]["fingerprint"] != fingerprint:
                raise IdempotencyKeyReusedError
            return await self._repeat(stored[0], work), True
        answer, outcome = await work.perform(self._session)
        await self._store(key, fingerprint, _encoder.encode(outcome))
        return answer, False

    async def _repeat(self, stored: Mapping[str, Any], work: Work) -> Answer:
        if stored["outcome"] is not None:
            return await work.repeat(self._session, _decoder.decode(stored["outcome"]))
        # Version 0.2 stored the response itself.
        headers = msgspec.json.decode(stored["headers"], type=dict[str, str])
        return Answer(headers, stored["body"])

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
        # A control character separates: neither user nor key has any.
        name = f"{self._session.user_id}\x00{self._operation}\x00{key}"
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)


def key_of(header: str) -> str:
    """The key that a header names: as it is, or out of the quotes of a structured field."""
    return _ESCAPED.sub(r"\1", header[1:-1]) if header.startswith('"') else header
