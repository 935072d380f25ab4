"""Many users at once, and a model that knows the right response to each of them.

A seeded generator draws the steps, not Hypothesis: the server takes nearly all of the time, and a
state machine that replays its runs to shrink them would make fewer steps in it. A failure is
reported with its seed, the number of the step, and the steps before it.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import NoReturn
from uuid import uuid4

import pytest

from tests.conftest import REPORTED
from tests.isolation.listings import TaskQuery
from tests.isolation.model import User
from tests.isolation.raw_client import RawClient, Response, bearer
from tests.isolation.steps import OPERATIONS, WEIGHTS, Step, Steps
from tests.isolation.users import hostile_users
from tests.isolation.values import Due, Server
from tests.support.live_server import LiveServer

pytestmark = pytest.mark.usefixtures("only_warnings")

SEEDS = range(1, 5)
STEPS = 5_000
REMEMBERED = 25
"""How many steps before a failure are reported."""

STATUSES: dict[str, set[int]] = {
    "create_task": {200, 201, 409, 422},
    "batch_tasks": {200, 404, 409, 412, 422},
    "list_tasks": {200, 304, 422},
    "list_changes": {200, 410},
    "get_task": {200, 304, 404},
    "delete_task": {204, 404, 412, 422},
    "restore_task": {200, 404, 412, 422},
    "get_me": {200},
    "delete_me": {204, 422},
}
"""The statuses that a run must have seen. Other operations have those of a change of a task."""


class Run:
    """One run of the users of one seed against the server and the model."""

    def __init__(self, raw_client: RawClient, seed: int, clocks_differ: timedelta) -> None:
        self._client = raw_client
        self._seed = seed
        self._server = server = Server(clocks_differ)
        self._users = [User(id_, server) for id_ in hostile_users(uuid4().hex)]
        self._tokens = {user.id: bearer(user.id) for user in self._users}
        self._draw = Steps(seed, self._users, server).draw
        self._trace: deque[tuple[Step, int]] = deque(maxlen=REMEMBERED)
        self._refusals: dict[tuple[str, int], object] = {}
        self.answered: Counter[tuple[str, int]] = Counter()

    def go(self, steps: int) -> None:
        """Take steps, and compare everything at the end."""
        for _ in range(steps):
            self._take(self._draw())
        for user in self._users:
            self._compare_list(user)

    def _take(self, step: Step) -> Response:
        response = self._send(step)
        self.answered[step.operation, response.status] += 1
        due = self._due(step, response)
        if (response.status, response.body) != due[:2]:
            self._fail(f"due   {due}\ngiven {response.status} {response.body}")
        if response.status >= 400:
            headers = response.without("content-length", "etag").headers
            alike = self._refusals.setdefault((step.operation, response.status), headers)
            if headers != alike:
                self._fail(f"due   {alike}\ngiven {headers}")
        return response

    def _send(self, step: Step) -> Response:
        method, target, body, headers = step.request
        try:
            response = self._client.request(
                method, target, self._tokens[step.user.id], body, headers
            )
        except ConnectionError as error:
            self._trace.append((step, 0))
            self._fail(f"no answer: {error!r}")
        self._trace.append((step, response.status))
        return response

    def _due(self, step: Step, response: Response) -> Due:
        """Return the model's response; a value that no server creates is a failure, too."""
        operation = getattr(step.user, step.operation)
        try:
            due: Due = operation(response.body, **step.arguments)
            if response.status == due.status:
                self._server.etag(response.header("etag"), due.etag)
                assert (response.header("idempotent-replayed") == "true") == due.replayed
        except (AssertionError, LookupError, TypeError, ValueError) as error:
            self._fail(f"{error!r}\ngiven {response.status} {response.body}")
        if due.status < 400:
            return due
        return due._replace(body=due.body | {"instance": step.request.target.partition("?")[0]})

    def _compare_list(self, user: User) -> None:
        found, arguments = [], {"limit": 200}
        while True:
            page = self._take(Step(user, "list_tasks", dict(arguments))).body
            found += page["items"]
            if page["next_cursor"] is None:
                break
            arguments["cursor"] = page["next_cursor"]
        assert found == TaskQuery().of(user.tasks.values())

    def _fail(self, difference: str) -> NoReturn:
        steps = "\n".join(
            f"user {self._users.index(user)} {operation} {arguments!a:.400} -> {status}"
            for (user, operation, arguments), status in self._trace
        )
        number = self.answered.total()
        story = f"seed {self._seed}, step {number}\n{difference}\nthe last steps:\n{steps}"
        pytest.fail(story, pytrace=False)


@pytest.fixture
def raw_client(server: LiveServer) -> Iterator[RawClient]:
    with closing(RawClient(server)) as raw_client:
        yield raw_client


@pytest.mark.parametrize("seed", SEEDS)
def test_every_answer_is_what_the_model_says(
    seed: int,
    raw_client: RawClient,
    is_distributed: bool,
    record_property: Callable[[str, object], None],
) -> None:
    # With Citus, the time is that of the machine that has the rows, or of the coordinator.
    clocks_differ = timedelta(seconds=1 if is_distributed else 0)
    run, began = Run(raw_client, seed, clocks_differ), time.perf_counter()
    run.go(STEPS)
    taken = run.answered.total()
    assert taken >= STEPS
    for name in WEIGHTS:
        statuses = {status for operation, status in run.answered if operation == name}
        assert statuses == STATUSES.get(name, {200, 404, 412, 422})
    rate = taken / (time.perf_counter() - began)
    record_property(REPORTED, f"Model: {taken} steps of seed {seed} as specified, {rate:.0f}/s")


def test_the_steps_are_of_every_operation() -> None:
    assert set(WEIGHTS) == set(OPERATIONS)
