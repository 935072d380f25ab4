"""A client for each secured operation of the contract, with requests from its plan."""

import json
from collections.abc import Mapping
from uuid import uuid4

from app.openapi import read
from quart_contract.operations import operations
from tests.isolation.plans import PLANS, Owned, Plan
from tests.isolation.raw_client import RawClient, Response, bearer, stripped, user_of

CONTRACT = read()
SECURED = {each.id: each for each in operations(CONTRACT) if each.schemes}
PLANNED = [name for name in SECURED if name in PLANS]
READING = [name for name in PLANNED if SECURED[name].method == "GET"]


class Caller:
    """Sends requests of all users. The owner and the stranger have two tasks each."""

    def __init__(self, client: RawClient) -> None:
        self._client = client
        self.owned = self.owner_of_two()
        self.stranger = self.owner_of_two()

    def request(
        self,
        name: str,
        task_id: str,
        authorization: str | None,
        conditions: dict[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Response:
        """Send a request for an operation as its plan describes; return the response."""
        plan, user = PLANS[name], user_of(authorization)
        asked = plan.request(SECURED[name], task_id, user, **(query or {}))
        method, target, body, headers = asked
        return self._client.request(
            method, target, authorization, body, headers | (conditions or {})
        )

    def owner_of_two(self) -> Owned:
        """Create a user with a pending and a completed task, whose every word is unique."""
        user = new_user()
        tasks = [self._create(user), self._create(user)]
        address = f"/api/tasks/{tasks[0]['id']}/complete"
        tasks[0] = self._client.request("PATCH", address, bearer(user)).body
        return Owned(user, tuple(reversed(tasks)))

    def _create(self, user: str) -> dict[str, object]:
        content = {"title": f"secret {uuid4()}", "description": f"secret {uuid4()}"}
        created = self._client.request("POST", "/api/tasks", bearer(user), content)
        assert created.status == 201
        return dict(created.body)

    def everything(self, *users: Owned) -> list[Response]:
        """Return all that these users can read: each reading operation, for each task of both."""
        ids = [task["id"] for owned in (self.owned, self.stranger) for task in owned.tasks]
        tokens = [bearer(owned.user) for owned in users]
        return [self.request(name, id_, each) for each in tokens for name in READING for id_ in ids]


def new_user() -> str:
    """Return a new user id. All of them are equally long, and so are the responses with them."""
    return f"someone-{uuid4()}"


def unknown_id() -> str:
    """Return an id that no task has ever had."""
    return f"01890000-0000-7000-8000-{uuid4().hex[:12]}"


def normalised(response: Response, task_id: str) -> Response:
    """Return a response without the task's id in `instance`, so that two tasks can be compared."""
    instance = response.body["instance"].replace(task_id, "{id}")
    return response._replace(body=response.body | {"instance": instance})


def shown(plan: Plan, owned: Owned) -> tuple[int, object]:
    """Return the expected status and body for a user with these tasks."""
    return plan.status, stripped(plan.shows(owned), plan.made)


def leaks(response: Response, owned: Owned) -> set[str]:
    """Return the words in a response that belong to a user: the id, and ids and titles of tasks."""
    told = json.dumps([response.headers, stripped(response.body, ("instance",))])
    words = {owned.user, *(task[name] for task in owned.tasks for name in ("id", "title"))}
    return {word for word in words if word in told}
