"""An attack by one user on all others, and its results."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import text

from app.database.database import Database
from tests.support.tokens import bearer

_OTHERS = [
    text("SELECT * FROM tasks WHERE user_id <> :user ORDER BY user_id, id"),
    text("SELECT * FROM users WHERE id <> :user ORDER BY id"),
    text("SELECT * FROM tombstones WHERE user_id <> :user ORDER BY user_id, id"),
]
DUE = ("2026-12-01T00:00:00Z", None)
SECRET = {"title": "x", "description": "of Ada"}
ADAS_KEY = {"Idempotency-Key": "ada's"}
LISTS: tuple[tuple[dict[str, str], int], ...] = (
    ({}, 4),
    ({"status": "pending"}, 3),
    ({"status": "completed"}, 1),
    ({"sort": "due_at"}, 4),
    ({"sort": "-due_at"}, 4),
    ({"sort": "priority"}, 4),
    ({"status": "deleted"}, 1),
    ({"q": "X"}, 4),
    ({"due_after": "2026-12-01T00:00:00Z"}, 1),
)
"""Parameters of a list, and the number of her tasks in it."""
_ABSENT = "019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d70"
_OK, _CREATED = httpx.codes.OK, httpx.codes.CREATED


class Attack:
    """Eve, who has tasks herself, tries every operation on tasks of the others."""

    def __init__(self, base_url: str, database: Database) -> None:
        self._database = database
        self._eve = f"eve {uuid4()}"
        self._client = _client(base_url, self._eve)
        self._ada = _client(base_url, f"ada {uuid4()}")
        self._foreign: list[str] = []
        self._own: list[str] = []

    async def prepare(self) -> None:
        """Create tasks of Ada and of Eve; Eve's come before and after Ada's in a list."""
        self._foreign = [await _create(self._ada, due_at) for due_at in DUE]
        self._own = [await _create(self._client, due_at) for due_at in (*DUE, None, None, None)]
        self._foreign += [await _create(self._ada, due_at) for due_at in DUE]
        secret = await self._ada.post("/api/tasks", json=SECRET, headers=ADAS_KEY)
        await self._ada.delete(secret.headers["Location"])
        self._gone: str = secret.json()["id"]
        for id_ in (self._foreign[0], self._foreign[-1]):
            await self._ada.patch(f"/api/tasks/{id_}/complete")
        await self._client.patch(f"/api/tasks/{self._own[0]}/complete")

    async def leaks(self) -> list[str]:
        """Return what Eve has read, changed, counted or inferred; empty if isolation works."""
        leaks = await self._etag()
        before = await self._rows_of_others()
        leaks += [
            *await self._changes(),
            *await self._lists(),
            *await self._counts(),
            *await self._responses(),
            *await self._replay(),
            *await self._revision(),
            *await self._ids(),
            *await self._creation(),
        ]
        if await self._rows_of_others() != before:
            leaks.append("rows of others are not what they were")
        return leaks

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
        await self._ada.aclose()

    async def _rows_of_others(self) -> list[list[Any]]:
        async with self._database.transaction() as connection:
            return [
                list((await connection.execute(sql, {"user": self._eve})).all()) for sql in _OTHERS
            ]

    async def _lists(self) -> list[str]:
        leaks = []
        for parameters, expected in LISTS:
            owners = [each["user_id"] for each in await _walk(self._client, **parameters)]
            if owners != [self._eve] * expected:
                leaks.append(f"the list {parameters} has {len(owners)}")
        return leaks

    async def _changes(self) -> list[str]:
        """Check that the feed has only her tasks, and after a token only her later changes."""
        first = (await self._client.get("/api/tasks/changes")).json()
        gone = self._own.pop()
        await self._client.delete(f"/api/tasks/{gone}")
        since = {"since": first.get("next", "")}
        later = (await self._client.get("/api/tasks/changes", params=since)).json()
        told = [
            [(each["id"], each["deleted"]) for each in page.get("changes", [])]
            for page in (first, later)
        ]
        due = [{(id_, False) for id_ in (*self._own, gone)}, {(gone, True)}]
        if [set(page) for page in told] == due and len(told[0]) == len(due[0]):
            return []
        return [f"the changes are {[len(page) for page in told]}"]

    async def _etag(self) -> list[str]:
        """Check that changes of others do not change the ETag of her list."""
        listed = await self._client.get("/api/tasks")
        await self._ada.patch(f"/api/tasks/{self._foreign[2]}/complete", json={})
        headers = {"If-None-Match": listed.headers.get("ETag", "*")}
        again = await self._client.get("/api/tasks", headers=headers)
        return [] if again.status_code == httpx.codes.NOT_MODIFIED else ["an ETag has changed"]

    async def _responses(self) -> list[str]:
        leaks = []
        for request in _requests():
            foreign = await _response(self._client, request, self._foreign[1])
            absent = await _response(self._client, request, _ABSENT)
            if foreign != absent:
                leaks.append(f"{request[0]} answers {foreign}, and not {absent}")
        for request in _RESTORATIONS:
            foreign = await _response(self._client, request, self._gone)
            absent = await _response(self._client, request, _ABSENT)
            if foreign != absent:
                leaks.append(f"a restoration answers {foreign}, and not {absent}")
        return leaks

    async def _counts(self) -> list[str]:
        me = (await self._client.get("/api/me")).json()
        counts = [me.get(f"{name}_count") for name in ("task", "pending", "completed", "deleted")]
        return [] if counts == [4, 3, 1, 1] else [f"her counts are {counts}"]

    async def _replay(self) -> list[str]:
        """Try an idempotency key that Ada has used, with the same body."""
        response = await self._client.post("/api/tasks", json=SECRET, headers=ADAS_KEY)
        theirs = response.status_code == _CREATED and response.json()["user_id"] != self._eve
        replayed = theirs or "Idempotent-Replayed" in response.headers
        if response.status_code == _CREATED and not replayed:
            await self._client.delete(response.headers["Location"])
        return ["she got Ada's answer"] if replayed else []

    async def _revision(self) -> list[str]:
        """Check that her revisions count only her own changes."""
        last = (await self._client.get("/api/me")).json()["revision"]
        changes = [
            await self._client.put(f"/api/tasks/{self._own[1]}", json={"title": "mine"}),
            await self._client.patch(f"/api/tasks/{self._own[1]}/complete"),
            await self._client.delete(f"/api/tasks/{self._own[2]}"),
        ]
        revisions = [each.json()["revision"] for each in changes if each.status_code == _OK]
        return (
            []
            if revisions in ([last + 1, last + 2], [last + 1], [])
            else [f"her revisions are {revisions}"]
        )

    async def _ids(self) -> list[str]:
        """Create tasks under ids that Ada uses or has used, and repeat that."""
        leaks = []
        for id_ in (self._foreign[1], self._gone):
            task = {"id": id_, "title": "x"}
            for status in (_CREATED, _OK):
                response = await self._client.post("/api/tasks", json=task)
                mine = response.status_code == status and response.json()["user_id"] == self._eve
                if not mine and response.status_code != httpx.codes.INTERNAL_SERVER_ERROR:
                    leaks.append(f"a create is {response.status_code}, not {status}")
            await self._client.delete(f"/api/tasks/{id_}")
            again = await self._client.post("/api/tasks", json=task)
            if again.status_code not in {httpx.codes.CONFLICT, httpx.codes.INTERNAL_SERVER_ERROR}:
                leaks.append(f"a create after the deletion is {again.status_code}")
        return leaks

    async def _creation(self) -> list[str]:
        created = await self._client.post("/api/tasks", json={"title": "mine"})
        if created.status_code != _CREATED or len(await _walk(self._client)) == 4:
            return []
        return ["what she made is not hers"]


_RESTORATIONS: tuple[tuple[str, str, Any], ...] = (
    ("POST", "/restore", None),
    ("BATCH", "", {"op": "restore"}),
)


def _requests() -> Iterator[tuple[str, str, Any]]:
    yield "GET", "", None
    yield "PUT", "", {"title": "taken"}
    yield "PATCH", "", {"title": "taken"}
    yield "PATCH", "", {}
    yield "PATCH", "/complete", {"completed": True}
    yield "PATCH", "/complete", {"completed": False}
    yield "DELETE", "", None
    yield "BATCH", "", {"op": "update", "patch": {"title": "taken"}}
    yield "BATCH", "", {"op": "update", "patch": {}, "revision": 1}
    yield "BATCH", "", {"op": "delete"}


async def _response(
    eve: httpx.AsyncClient, request: tuple[str, str, Any], id_: str
) -> tuple[int, str]:
    method, path, body = request
    target = f"/api/tasks/{id_}{path}"
    if method == "BATCH":
        method, target, body = "POST", "/api/tasks/batch", {"operations": [{"id": id_, **body}]}
    headers = {"X-Request-Id": "the-same"}
    try:
        response = await eve.request(method, target, json=body, headers=headers)
    except httpx.TimeoutException:
        return 0, "no answer"
    return response.status_code, response.text.replace(id_, "ID")


async def _walk(eve: httpx.AsyncClient, **parameters: str) -> list[dict[str, Any]]:
    """Return all tasks of a list, by pages of two; at most 50."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    for _ in range(25):
        page = (await eve.get("/api/tasks", params={"limit": 2, **parameters, **cursor})).json()
        found += page.get("items", [])
        if page.get("next_cursor") is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    return found


async def _create(client: httpx.AsyncClient, due_at: str | None) -> str:
    content = {"title": "x", "due_at": due_at}
    task: dict[str, str] = (await client.post("/api/tasks", json=content)).json()
    return task["id"]


def _client(base_url: str, user: str) -> httpx.AsyncClient:
    # With a planted fault, a response may violate the contract.
    return httpx.AsyncClient(base_url=base_url, headers=bearer(user), timeout=10)
