"""A copy of a user's tasks, built from the change feed."""

from typing import Any

import httpx


class SyncClient:
    """The tasks of a user, as a reader of the change feed has them."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.tasks: dict[str, Any] = {}
        self.told: list[int] = []
        self.since: str | None = None

    async def read_page(self, limit: int = 200, wait: int = 0) -> bool:
        """Read a page of changes, or wait for one. Return whether there are more."""
        given = {"since": self.since} if self.since else {}
        query: dict[str, str | int] = {"limit": limit, "wait": wait, **given}
        response = await self._client.get("/api/tasks/changes", params=query)
        assert response.status_code == 200, response.text
        page = response.json()
        for change in page["changes"]:
            self.told.append(change["revision"])
            if change["deleted"]:
                assert change["task"] is None
                self.tasks.pop(change["id"], None)
            else:
                assert change["task"]["revision"] == change["revision"]
                self.tasks[change["id"]] = change["task"]
        self.since = page["next"]
        more: bool = page["has_more"]
        return more

    async def read(self, limit: int = 200) -> None:
        """Read until there are no more changes."""
        while await self.read_page(limit):
            pass


async def truth(client: httpx.AsyncClient) -> dict[str, Any]:
    """Return the tasks in the order of the list."""
    found: dict[str, Any] = {}
    query: dict[str, Any] = {"limit": 200}
    while True:
        page = (await client.get("/api/tasks", params=query)).json()
        found |= {task["id"]: task for task in page["items"]}
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


async def create(client: httpx.AsyncClient, count: int = 1) -> list[str]:
    made = [await client.post("/api/tasks", json={"title": f"task {n}"}) for n in range(count)]
    return [each.headers["Location"] for each in made]
