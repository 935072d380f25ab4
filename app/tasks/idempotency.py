"""Idempotency keys: the first answer to a request, kept with what it changed, and given again."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

import msgspec
from sqlalchemy import (
    BigInteger,
    Interval,
    LargeBinary,
    Text,
    bindparam,
    cast,
    func,
    literal,
    select,
)
from sqlalchemy.dialects import postgresql

from app.database.sessions import UserSession
from app.database.statements import OWNER
from app.tasks.errors import IdempotencyKeyInUseError, IdempotencyKeyReusedError
from app.tasks.models import idempotency_keys

LIFETIME = timedelta(hours=24)

_ESCAPED = re.compile(r"\\(.)")
_keys = idempotency_keys.c
_OPERATION = bindparam("operation", type_=Text)
_KEY = bindparam("key", type_=Text)
_NEW = {
    "fingerprint": bindparam("fingerprint", type_=LargeBinary),
    "status": bindparam("status", type_=_keys.status.type),
    "headers": bindparam("headers", type_=_keys.headers.type),
    "body": bindparam("body", type_=LargeBinary),
}

TAKE_KEY = select(func.pg_try_advisory_xact_lock(bindparam("lock", type_=BigInteger)))
SELECT_ANSWER = select(
    _keys.fingerprint, _keys.status, cast(_keys.headers, Text), _keys.body
).where(
    _keys.user_id == OWNER,
    _keys.operation == _OPERATION,
    _keys.key == _KEY,
    _keys.created_at > func.now() - literal(LIFETIME, Interval),
)
# What is there already is older than the lifetime, and waits to be purged.
_INSERT_ANSWER = postgresql.insert(idempotency_keys).values(
    user_id=OWNER, operation=_OPERATION, key=_KEY, **_NEW
)
UPSERT_ANSWER = _INSERT_ANSWER.on_conflict_do_update(
    index_elements=[_keys.user_id, _keys.operation, _keys.key],
    set_={**_NEW, "created_at": _INSERT_ANSWER.excluded.created_at},
).returning(_keys.key)


class Answer(msgspec.Struct, frozen=True):
    """An answer as it is kept; the body is JSON."""

    status: int
    headers: dict[str, str]
    body: bytes


class IdempotencyStore:
    """The idempotency keys of the user of a transaction, for one operation."""

    def __init__(self, session: UserSession, operation: str) -> None:
        self._session = session
        self._operation = operation

    async def once(
        self, header: str, body: msgspec.Struct, perform: Callable[[], Awaitable[Answer]]
    ) -> tuple[Answer, bool]:
        """Perform, unless it was done under this key; answer the same, and whether it was done.

        Raises `IdempotencyKeyInUseError` while another transaction performs under this key, and
        `IdempotencyKeyReusedError` where it was done with another body.
        """
        key, fingerprint = key_of(header), hashlib.sha256(msgspec.json.encode(body)).digest()
        if not (await self._session.read(TAKE_KEY, lock=self._lock(key)))[0][0]:
            raise IdempotencyKeyInUseError
        # A statement of its own: it sees what was committed before the lock was free.
        stored = await self._session.read(SELECT_ANSWER, operation=self._operation, key=key)
        if stored:
            known, status, headers, kept = stored[0]
            if known != fingerprint:
                raise IdempotencyKeyReusedError
            return Answer(status, msgspec.json.decode(headers, type=dict[str, str]), kept), True
        answer = await perform()
        await self._session.change(
            UPSERT_ANSWER,
            operation=self._operation,
            key=key,
            fingerprint=fingerprint,
            status=answer.status,
            headers=msgspec.json.encode(answer.headers).decode(),
            body=answer.body,
        )
        return answer, False

    def _lock(self, key: str) -> int:
        # A control character separates: neither user nor key has any.
        name = f"{self._session.user_id}\x00{self._operation}\x00{key}"
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)


def key_of(header: str) -> str:
    """The key that a header names: as it is, or out of the quotes of a structured field."""
    return _ESCAPED.sub(r"\1", header[1:-1]) if header.startswith('"') else header
