"""Every secured operation of the contract, requested by its owner and by all other kinds of users.

The operations are read from the contract, so a new one is tested here, or the build fails because
it has no plan.
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from quart_contract.operations import Operation
from tests.isolation.caller import (
    CONTRACT,
    PLANNED,
    SECURED,
    Caller,
    leaks,
    new_user,
    normalised,
    shown,
    unknown_id,
)
from tests.isolation.plans import PLANS, Owned
from tests.isolation.raw_client import RawClient, bearer
from tests.support.live_server import LiveServer

ABOUT_A_TASK = [name for name in PLANNED if PLANS[name].about_a_task]
ABOUT_ALL = [name for name in PLANNED if not PLANS[name].about_a_task]
PLACES = {"cursor", "since"}
"""The parameters that continue after an earlier response."""
CONTINUED = [name for name in PLANNED if PLACES & {each.name for each in SECURED[name].parameters}]

CONDITIONS = [
    (name, header.name, value)
    for name in ABOUT_A_TASK
    for header in SECURED[name].headers
    for value in ("*", '"1"', '"3"', 'W/"3"')
]
"""Each header that makes an operation conditional, with values that can match."""

CHOICES = [
    (name, parameter.name, value)
    for name in PLANNED
    for parameter in SECURED[name].parameters
    for value in CONTRACT.resolve(parameter.schema).get("enum", ())
]
"""Each value of a parameter with choices: it may lead to a different query."""

EXPIRED = {"exp": timedelta(hours=-1)}
CODES = {"no token": "missing_token", "an expired token": "invalid_token"}


@pytest.fixture
def caller(server: LiveServer) -> Iterator[Caller]:
    with closing(RawClient(server)) as client:
        yield Caller(client)


def test_every_secured_operation_has_a_plan() -> None:
    assert set(PLANS) == set(SECURED)


def test_every_operation_that_is_continued_has_a_plan_for_it() -> None:
    assert [name for name in PLANNED if PLANS[name].continuation] == CONTINUED


@pytest.mark.parametrize("name", PLANNED)
def test_the_owner_gets_what_is_the_owners(name: str, caller: Caller) -> None:
    plan, owned = PLANS[name], caller.owned
    response = caller.request(name, owned.task["id"], bearer(owned.user)).without(*plan.made)
    assert (response.status, response.body) == shown(plan, owned)


@pytest.mark.parametrize("name", ABOUT_A_TASK)
def test_anothers_task_cannot_be_told_from_an_absent_one(name: str, caller: Caller) -> None:
    owned, nobodys = caller.owned.task["id"], unknown_id()
    before = caller.everything(caller.owned, caller.stranger)
    for asking in (caller.stranger.user, new_user()):
        of_another = caller.request(name, owned, bearer(asking))
        of_nobody = caller.request(name, nobodys, bearer(asking))
        assert (of_another.status, of_nobody.status) == (404, 404)
        assert normalised(of_another, owned) == normalised(of_nobody, nobodys)
        assert leaks(of_another, caller.owned) == set()
    assert caller.everything(caller.owned, caller.stranger) == before


@pytest.mark.parametrize("name", ABOUT_A_TASK)
def test_an_absent_task_is_not_found_by_who_has_others(name: str, caller: Caller) -> None:
    token, gone, nobodys = bearer(caller.owned.user), caller.owned.task["id"], unknown_id()
    before = caller.everything(caller.owned, caller.stranger)
    of_nobody = caller.request(name, nobodys, token)
    assert (of_nobody.status, of_nobody.body["code"]) == (404, "task_not_found")
    assert caller.everything(caller.owned, caller.stranger) == before
    assert caller.request("deleteTask", gone, token).status == 204
    if not PLANS[name].finds_deleted:
        after = normalised(caller.request(name, gone, token), gone)
        assert after == normalised(of_nobody, nobodys)
    stranger = normalised(caller.request(name, gone, bearer(caller.stranger.user)), gone)
    assert stranger == normalised(of_nobody, nobodys)


@pytest.mark.parametrize(("name", "header", "value"), CONDITIONS)
def test_a_condition_tells_nothing_of_anothers_task(
    name: str, header: str, value: str, caller: Caller
) -> None:
    owned, nobodys, token = caller.owned.task["id"], unknown_id(), bearer(caller.stranger.user)
    of_another = caller.request(name, owned, token, {header: value})
    of_nobody = caller.request(name, nobodys, token, {header: value})
    assert of_another.status == 404
    assert normalised(of_another, owned) == normalised(of_nobody, nobodys)


@pytest.mark.parametrize("name", ABOUT_ALL)
def test_who_has_nothing_gets_nothing_of_anothers(name: str, caller: Caller) -> None:
    plan, earlier, later = PLANS[name], new_user(), new_user()
    alone = caller.request(name, unknown_id(), bearer(earlier))
    caller.owned = caller.owner_of_two()
    response = caller.request(name, unknown_id(), bearer(later)).without(*plan.made)
    assert (response.status, response.body) == shown(plan, Owned(later))
    assert response.without("user_id") == alone.without(*plan.made, "user_id")


@pytest.mark.parametrize("name", ABOUT_ALL)
def test_who_has_tasks_gets_nothing_of_anothers(name: str, caller: Caller) -> None:
    plan, stranger = PLANS[name], caller.stranger
    if SECURED[name].method == "POST":
        # The owner sends the same request. Its response must not be replayed to the stranger.
        assert caller.request(name, unknown_id(), bearer(caller.owned.user)).status == plan.status
    before = caller.everything(caller.owned)
    response = caller.request(name, caller.owned.task["id"], bearer(stranger.user))
    assert leaks(response, caller.owned) == set()
    response = response.without(*plan.made)
    assert (response.status, response.body) == shown(plan, stranger)
    assert caller.everything(caller.owned) == before


@pytest.mark.parametrize(("name", "parameter", "value"), CHOICES)
def test_no_choice_of_a_parameter_shows_what_is_anothers(
    name: str, parameter: str, value: str, caller: Caller
) -> None:
    task_id = caller.stranger.task["id"]
    if value == "deleted":
        for each in (caller.stranger, caller.owned):
            caller.request("deleteTask", each.tasks[1]["id"], bearer(each.user))
    response = caller.request(name, task_id, bearer(caller.stranger.user), query={parameter: value})
    assert response.status == PLANS[name].status
    assert leaks(response, caller.owned) == set()
    assert leaks(response, caller.stranger) != set()


@pytest.mark.parametrize("name", CONTINUED)
def test_no_page_shows_what_is_anothers(name: str, caller: Caller) -> None:
    # These users come before and after the stranger, so their tasks surround the stranger's.
    others = [caller.owned, caller.owner_of_two()]
    after, query, pages = PLANS[name].continuation, {"limit": "1"}, len(caller.stranger.tasks) + 1
    assert after is not None
    for _ in range(pages):
        response = caller.request(name, unknown_id(), bearer(caller.stranger.user), query=query)
        assert [leaks(response, other) for other in others] == [set(), set()]
        query[after.parameter] = response.body[after.member] or query[after.parameter]


def test_what_another_makes_is_anothers(caller: Caller) -> None:
    made = caller.request("createTask", unknown_id(), bearer(caller.stranger.user)).body
    assert made["user_id"] == caller.stranger.user
    listed = caller.request("listTasks", unknown_id(), bearer(caller.stranger.user)).body["items"]
    assert listed == [made, *caller.stranger.tasks]
    assert caller.request("getTask", made["id"], bearer(caller.owned.user)).status == 404
    listed = caller.request("listTasks", unknown_id(), bearer(caller.owned.user)).body["items"]
    assert listed == list(caller.owned.tasks)


@pytest.mark.parametrize("name", CONTINUED)
def test_a_place_of_another_is_refused_like_one_of_nobody(name: str, caller: Caller) -> None:
    after, gone = PLANS[name].continuation, caller.owner_of_two()
    assert after is not None
    places = []
    for owned in (caller.owned, gone):
        response = caller.request(name, owned.task["id"], bearer(owned.user), query={"limit": "1"})
        places.append(response.body[after.member])
    for task in gone.tasks:
        caller.request("deleteTask", task["id"], bearer(gone.user))
    nonsense = [after.nonsense] if after.nonsense else []
    refused, *others = (
        caller.request(
            name, unknown_id(), bearer(caller.stranger.user), query={after.parameter: each}
        )
        for each in [*places, *nonsense]
    )
    assert refused.status in {410, 422}
    assert others == [refused] * len(others)
    assert leaks(refused, caller.owned) == set()


@pytest.mark.parametrize("credentials", CODES)
@pytest.mark.parametrize("name", PLANNED)
def test_without_a_token_that_holds_all_operations_answer_alike(
    name: str, credentials: str, caller: Caller
) -> None:
    owner = caller.owned.user
    authorization = bearer(owner, **EXPIRED) if credentials == "an expired token" else None
    before = caller.everything(caller.owned)
    refused = caller.request(name, caller.owned.task["id"], authorization)
    elsewhere = caller.request(PLANNED[0], unknown_id(), authorization)
    assert (refused.status, refused.body["code"]) == (401, CODES[credentials])
    # The length depends on the path, which `instance` repeats.
    differing = ("instance", "content-length")
    assert refused.without(*differing) == elsewhere.without(*differing)
    target = path_of(SECURED[name], caller.owned.task["id"])
    assert refused.body["instance"] == target
    assert caller.everything(caller.owned) == before


def path_of(operation: Operation, task_id: str) -> str:
    return PLANS[operation.id].request(operation, task_id).target.partition("?")[0]
