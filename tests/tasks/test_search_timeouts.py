"""A search that times out has its own problem: the database is not at fault."""

import httpx
import pytest

from tests.support.driver import recorded_statements


async def test_a_search_that_takes_too_long_is_not_a_database_at_fault(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.post("/api/tasks", json={"title": "x"})
    monkeypatch.setattr("app.database.database.SEARCH_MS", 100)
    with recorded_statements(lambda sql: sql.replace("FROM tasks", "FROM pg_sleep(5), tasks")):
        response = await client.get("/api/tasks?q=x")
    assert response.status_code == 503
    assert response.json()["code"] == "search_timeout"
    assert response.headers["Retry-After"] == "5"
    assert (await client.get("/api/tasks?q=x")).status_code == 200
