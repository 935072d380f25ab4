"""A client of version 0.2.0."""

import hashlib
import json
import struct
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from tests.upgrades import released_0_2_0 as released
from tests.upgrades.load import LOCK_TIMEOUT_MS, Client

LIMIT = 51
DUE = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


class Client020(Client):
    """Each statement is a transaction of its own, unless it has an idempotency key."""

    version = "0.2.0"
    revision = released.REVISION
    settings = released.SETTINGS

    def __init__(self, connection: asyncpg.Connection, user: str) -> None:
        super().__init__(connection, user)
        self.tasks: dict[str, dict[str, Any]] = {}
        """The user's tasks as JSON, by id."""
        self.deleted: list[str] = []
        self.created_once: dict[str, dict[str, Any]] = {}
        """The tasks that were created with an idempotency key, as they were, by key."""
        self.token: str | None = None
        """The first change token."""

    async def transaction(self, statement: str, *values: Any) -> list[asyncpg.Record]:  # noqa: ANN401 - the driver's
        """Run a statement of the user in a transaction. Return its rows."""
        rows: list[asyncpg.Record] = await self.connection.fetch(statement, self.user, *values)
        return rows

    async def live(self) -> None:
        """Create three tasks, change two and delete two. Read lists and the feed."""
        ids = [uuid4(), uuid4()]
        for each in ids:
            await self._change(released.CREATE, each, f"{each}", None, DUE)
        for each in ids:
            assert await self.run(released.GET, each)
            await self._change(released.REPLACE, each, None, "y", "é" * 5000, DUE)
            await self._change(released.UPDATE_DUE_AT, each, None, None)
            await self._change(released.COMPLETE, each, None, True)
        ids[1] = await self.create_once(f"key {ids[1]}", f"once {ids[1]}")
        for statement in (released.LIST, released.LIST_DUE):
            assert await self.run(statement, LIMIT)
        await self._read_feed()
        for each in ids:
            await self.delete(each)
        assert await self.run(released.SUMMARY)

    async def be_erased(self) -> None:
        """Create a task and erase the user."""
        await self.run(released.CREATE, uuid4(), "x", None, None)
        await self.run(released.ERASE)

    async def update_due_at(self, id_: UUID, due_at: datetime | None) -> None:
        """Set when a task is due."""
        await self._change(released.UPDATE_DUE_AT, id_, None, due_at)

    async def delete(self, id_: UUID) -> None:
        """Delete a task."""
        assert await self.run(released.DELETE, id_, None)
        self.tasks.pop(str(id_), None)
        self.deleted.append(str(id_))

    async def create_once(self, key: str, title: str) -> UUID:
        """Create a task with an idempotency key, and repeat the request. Return the task's id."""
        body = {"title": title, "description": None, "due_at": None}
        fingerprint = hashlib.sha256(json.dumps(body, separators=(",", ":")).encode()).digest()
        answer = "create_task", key
        async with self._transaction(key):
            assert not await self.run(released.SELECT_ANSWER, *answer)
            id_ = uuid4()
            task = await self._change(released.CREATE, id_, title, None, None)
            headers = {"Location": f"/api/tasks/{id_}", "ETag": f'"{task["revision"]}"'}
            kept = fingerprint, 201, json.dumps(headers), msgspec.json.encode(task) + b"\n"
            assert await self.run(released.UPSERT_ANSWER, *answer, *kept)
        self.created_once[key] = task
        async with self._transaction(key):
            [stored] = await self.run(released.SELECT_ANSWER, *answer)
            assert (stored["fingerprint"], stored["body"]) == (fingerprint, kept[-1])
        return id_

    @asynccontextmanager
    async def _transaction(self, key: str) -> AsyncIterator[None]:
        escaped = "".join(f"\\U{ord(character):08X}" for character in self.user)
        begin = released.BEGIN.format(user=escaped, lock_timeout=LOCK_TIMEOUT_MS)
        await self.connection.execute(begin)
        lock = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], signed=True)
        assert await self.connection.fetchval(released.TAKE_KEY, lock)
        yield
        assert await self.connection.execute("COMMIT") == "COMMIT"

    async def _change(self, statement: str, id_: UUID, *values: Any) -> dict[str, Any]:  # noqa: ANN401 - the driver's
        [row] = await self.run(statement, id_, *values)
        fields = {**row, "id": UUID(bytes=row["id"].bytes)}
        fields.pop("anon_1", None)
        task: dict[str, Any] = msgspec.to_builtins(fields)
        self.tasks[task["id"]] = task
        return task

    async def _read_feed(self) -> None:
        [first, *_] = await self.run(released.FEED_FROM_THE_BEGINNING, LIMIT)
        last = first["last"]
        if self.token is None:
            packed = struct.pack(">16sqq", first["epoch"].bytes, last, last)
            self.token = urlsafe_b64encode(packed).rstrip(b"=").decode()
        rows = await self.run(released.FEED, max(last - LIMIT, 0), LIMIT, max(last - LIMIT, 0))
        assert rows[-1]["revision"] == last
