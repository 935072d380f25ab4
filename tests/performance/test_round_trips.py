"""The number and the content of the database round trips of each operation."""

from typing import NamedTuple

import httpx
import pytest

from app.openapi import read
from quart_contract.operations import operations
from tests.support.driver import recorded_statements

CONTENT = {"title": "x", "description": None, "due_at": None}
TWO = {"operations": [{"op": "create", "task": CONTENT}] * 2}
KEY = {"Idempotency-Key": "a key"}
CURRENT = {"If-None-Match": "*"}
ABSENT = "019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d70"

BEGIN = (
    "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL ROLE taskward_app; SET LOCAL app.user_id = "
)
OWN = {"title": "x", "id": ABSENT}
REPEATED = {"title": "x", "id": "0b4ad7ac-8d4b-4f0e-9a0c-2f5b9e9d1f11"}
CREATE, CHANGE = "WITH owner_row AS", "WITH locked_owner AS"
KEY_FIRST = ["SELECT pg_try_advisory_xact_lock", "SELECT idempotency_keys.fingerprint"]
STORE = "WITH charged AS"
SELECT_TASK, SELECT_USER = "SELECT tasks.id", "SELECT users.task_count"
ONCE = [
    BEGIN,
    *KEY_FIRST,
    CREATE,
    STORE,
    "COMMIT",
]
CHANGE_ONCE = [BEGIN, *KEY_FIRST, CHANGE, STORE, "COMMIT"]
RESTORE = [BEGIN, SELECT_TASK, "SELECT trash.id", "WITH found AS", "COMMIT"]
BATCH_ONCE = [BEGIN, *KEY_FIRST, "SELECT users.id", CREATE, CREATE, STORE, "COMMIT"]


class Trips(NamedTuple):
    """A request, and the beginning of the SQL of each of its round trips."""

    operation: str
    method: str
    path: str
    words: list[str]
    body: object = None
    headers: dict[str, str] | None = None


TRIPS = [
    Trips("getTask", "GET", "{task}", [SELECT_TASK]),
    Trips("getTask", "GET", "{task}", [SELECT_TASK], None, CURRENT),
    Trips("listTasks", "GET", "/api/tasks", ["SELECT users.epoch"]),
    Trips("listTasks", "GET", "/api/tasks?sort=-due_at", ["SELECT users.epoch"]),
    Trips("listTasks", "GET", "/api/tasks?q=x", [BEGIN, "SELECT users.epoch", "COMMIT"]),
    Trips("listTasks", "GET", "/api/tasks", [SELECT_USER], None, CURRENT),
    Trips("listChanges", "GET", "/api/tasks/changes", ["SELECT users.epoch"]),
    Trips("getMe", "GET", "/api/me", [SELECT_USER]),
    Trips("createTask", "POST", "/api/tasks", [CREATE], CONTENT),
    Trips("createTask", "POST", "/api/tasks", ONCE, CONTENT, KEY),
    Trips("createTask", "POST", "/api/tasks", [CREATE], OWN),
    Trips("createTask", "POST", "/api/tasks", [CREATE, SELECT_TASK], REPEATED),
    Trips("replaceTask", "PUT", "{task}", [CHANGE], CONTENT | {"title": "y"}),
    Trips("replaceTask", "PUT", "{task}", [CHANGE], CONTENT),
    Trips("updateTask", "PATCH", "{task}", [CHANGE], {"title": "y"}),
    Trips("updateTask", "PATCH", "{task}", [SELECT_TASK], {}),
    Trips("replaceTask", "PUT", "{task}", CHANGE_ONCE, CONTENT | {"title": "y"}, KEY),
    Trips("updateTask", "PATCH", "{task}", CHANGE_ONCE, {"title": "y"}, KEY),
    Trips("completeTask", "PATCH", "{task}/complete", CHANGE_ONCE, None, KEY),
    Trips("deleteTask", "DELETE", "{task}", CHANGE_ONCE, None, KEY),
    Trips(
        "updateTask",
        "PATCH",
        "{task}",
        [BEGIN, SELECT_TASK, CHANGE, "COMMIT"],
        {"extra": {"a": 1}},
    ),
    Trips("restoreTask", "POST", "{task}/restore", [BEGIN, SELECT_TASK, "COMMIT"]),
    Trips("restoreTask", "POST", "{deleted}/restore", RESTORE),
    Trips("listTasks", "GET", "/api/tasks?status=deleted", ["SELECT users.epoch"]),
    Trips("listTasks", "GET", "/api/tasks?label=a&sort=position", ["SELECT users.epoch"]),
    Trips("completeTask", "PATCH", "{task}/complete", [CHANGE]),
    Trips("completeTask", "PATCH", "{task}/complete", [CHANGE], None, {"If-Match": "*"}),
    Trips("deleteTask", "DELETE", "{task}", [CHANGE]),
    Trips("deleteMe", "DELETE", "/api/me?confirm={user}", ["DELETE FROM users"]),
    Trips("batchTasks", "POST", "/api/tasks/batch", [BEGIN, CREATE, CREATE, "COMMIT"], TWO),
    Trips("batchTasks", "POST", "/api/tasks/batch", BATCH_ONCE, TWO, KEY),
]


@pytest.mark.usefixtures("one_postgresql")
@pytest.mark.parametrize("trips", TRIPS, ids=lambda trips: trips.operation)
async def test_an_operation_takes_just_these_round_trips(
    client: httpx.AsyncClient, trips: Trips, user: str
) -> None:
    task = (await client.post("/api/tasks", json=CONTENT)).headers["Location"]
    await client.post("/api/tasks", json=REPEATED)
    deleted = (await client.post("/api/tasks", json=CONTENT)).headers["Location"]
    await client.delete(deleted)
    path = trips.path.format(task=task, deleted=deleted, user=user)
    with recorded_statements() as sent:
        response = await client.request(trips.method, path, json=trips.body, headers=trips.headers)
    assert response.status_code < 400
    said = [each.sql for each in sent]
    assert len(said) == len(trips.words), said
    for sql, words in zip(said, trips.words, strict=True):
        assert sql.startswith(words)


STALE = {"If-Match": '"9"'}
REJECTED = [
    Trips("replaceTask", "PUT", "{task}", [CHANGE], CONTENT, STALE),
    Trips("updateTask", "PATCH", "{task}", [CHANGE], {"title": "y"}, STALE),
    Trips("updateTask", "PATCH", "{task}", [SELECT_TASK], {}, STALE),
    Trips("deleteTask", "DELETE", "{task}", [CHANGE, SELECT_TASK], None, STALE),
]


@pytest.mark.usefixtures("one_postgresql")
@pytest.mark.parametrize("trips", REJECTED, ids=lambda trips: trips.operation)
async def test_the_current_task_of_a_412_takes_no_round_trip(
    client: httpx.AsyncClient, trips: Trips
) -> None:
    made = await client.post("/api/tasks", json=CONTENT)
    with recorded_statements() as sent:
        response = await client.request(
            trips.method, made.headers["Location"], json=trips.body, headers=trips.headers
        )
    assert (response.status_code, response.json()["task"]) == (412, made.json())
    for each, words in zip(sent, trips.words, strict=True):
        assert each.sql.startswith(words)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x.y.z"}])
async def test_who_has_no_user_costs_the_database_nothing(
    anonymous: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    with recorded_statements() as sent:
        for trips in TRIPS:
            path = trips.path.format(
                task=f"/api/tasks/{ABSENT}", deleted=f"/api/tasks/{ABSENT}", user="x"
            )
            response = await anonymous.request(trips.method, path, headers=headers)
            assert response.status_code == 401
        assert (await anonymous.get("/health/live")).status_code == 200
    assert sent == []


async def test_what_the_contract_refuses_costs_the_database_nothing(
    client: httpx.AsyncClient,
) -> None:
    with recorded_statements() as sent:
        for target in ("?limit=0", "?sort=x", "?x=1", "/x", "/changes?since=x"):
            assert (await client.get(f"/api/tasks{target}")).status_code == 422
        assert (await client.post("/api/tasks", json={})).status_code == 422
    assert sent == []


def test_every_operation_is_counted() -> None:
    health = {"getLiveness", "getReadiness"}
    assert {each.operation for each in TRIPS} == {each.id for each in operations(read())} - health
