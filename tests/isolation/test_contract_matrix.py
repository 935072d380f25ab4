"""Every secured operation of the contract, requested by its owner and by all other kinds of users.

The operations are read from the contract, so a new one is tested here, or the build fails because
it has no plan.
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from quart_contract.operations import Operation
from tests.isolation.desk import (
    CONTRACT,
    PLANNED,
    SECURED,
    Desk,
    absent,
    anywhere,
    mentions,
    shown,
    someone,
)
from tests.isolation.plans import PLANS, Owned
from tests.isolation.wire import Wire, bearer
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
def desk(server: LiveServer) -> Iterator[Desk]:
    with closing(Wire(server)) as wire:
        yield Desk(wire)


def test_every_secured_operation_has_a_plan() -> None:
    assert set(PLANS) == set(SECURED)


def test_every_operation_that_is_continued_has_a_plan_for_it() -> None:
    assert [name for name in PLANNED if PLANS[name].place] == CONTINUED


@pytest.mark.parametrize("name", PLANNED)
def test_the_owner_gets_what_is_the_owners(name: str, desk: Desk) -> None:
    plan, owned = PLANS[name], desk.owned
    answer = desk.ask(name, owned.task["id"], bearer(owned.user)).without(*plan.made)
    assert (answer.status, answer.body) == shown(plan, owned)


@pytest.mark.parametrize("name", ABOUT_A_TASK)
def test_anothers_task_cannot_be_told_from_an_absent_one(name: str, desk: Desk) -> None:
    owned, nobodys = desk.owned.task["id"], absent()
    before = desk.everything(desk.owned, desk.stranger)
    for asking in (desk.stranger.user, someone()):
        of_another = desk.ask(name, owned, bearer(asking))
        of_nobody = desk.ask(name, nobodys, bearer(asking))
        assert (of_another.status, of_nobody.status) == (404, 404)
        assert anywhere(of_another, owned) == anywhere(of_nobody, nobodys)
        assert mentions(of_another, desk.owned) == set()
    assert desk.everything(desk.owned, desk.stranger) == before


@pytest.mark.parametrize("name", ABOUT_A_TASK)
def test_an_absent_task_is_not_found_by_who_has_others(name: str, desk: Desk) -> None:
    token, gone, nobodys = bearer(desk.owned.user), desk.owned.task["id"], absent()
    before = desk.everything(desk.owned, desk.stranger)
    of_nobody = desk.ask(name, nobodys, token)
    assert (of_nobody.status, of_nobody.body["code"]) == (404, "task_not_found")
    assert desk.everything(desk.owned, desk.stranger) == before
    assert desk.ask("deleteTask", gone, token).status == 204
    assert anywhere(desk.ask(name, gone, token), gone) == anywhere(of_nobody, nobodys)


@pytest.mark.parametrize(("name", "header", "value"), CONDITIONS)
def test_a_condition_tells_nothing_of_anothers_task(
    name: str, header: str, value: str, desk: Desk
) -> None:
    owned, nobodys, token = desk.owned.task["id"], absent(), bearer(desk.stranger.user)
    of_another = desk.ask(name, owned, token, {header: value})
    of_nobody = desk.ask(name, nobodys, token, {header: value})
    assert of_another.status == 404
    assert anywhere(of_another, owned) == anywhere(of_nobody, nobodys)


@pytest.mark.parametrize("name", ABOUT_ALL)
def test_who_has_nothing_gets_nothing_of_anothers(name: str, desk: Desk) -> None:
    plan, earlier, later = PLANS[name], someone(), someone()
    alone = desk.ask(name, absent(), bearer(earlier))
    desk.owned = desk.owner_of_two()
    answer = desk.ask(name, absent(), bearer(later)).without(*plan.made)
    assert (answer.status, answer.body) == shown(plan, Owned(later))
    assert answer.without("user_id") == alone.without(*plan.made, "user_id")


@pytest.mark.parametrize("name", ABOUT_ALL)
def test_who_has_tasks_gets_nothing_of_anothers(name: str, desk: Desk) -> None:
    plan, stranger = PLANS[name], desk.stranger
    if SECURED[name].method == "POST":
        # The owner sends the same request. Its response must not be replayed to the stranger.
        assert desk.ask(name, absent(), bearer(desk.owned.user)).status == plan.status
    before = desk.everything(desk.owned)
    answer = desk.ask(name, desk.owned.task["id"], bearer(stranger.user))
    assert mentions(answer, desk.owned) == set()
    answer = answer.without(*plan.made)
    assert (answer.status, answer.body) == shown(plan, stranger)
    assert desk.everything(desk.owned) == before


@pytest.mark.parametrize(("name", "parameter", "value"), CHOICES)
def test_no_choice_of_a_parameter_shows_what_is_anothers(
    name: str, parameter: str, value: str, desk: Desk
) -> None:
    task_id = desk.stranger.task["id"]
    answer = desk.ask(name, task_id, bearer(desk.stranger.user), query={parameter: value})
    assert answer.status == PLANS[name].status
    assert mentions(answer, desk.owned) == set()
    assert mentions(answer, desk.stranger) != set()


@pytest.mark.parametrize("name", CONTINUED)
def test_no_page_shows_what_is_anothers(name: str, desk: Desk) -> None:
    # These users come before and after the stranger, so their tasks surround the stranger's.
    others = [desk.owned, desk.owner_of_two()]
    place, query, pages = PLANS[name].place, {"limit": "1"}, len(desk.stranger.tasks) + 1
    assert place is not None
    for _ in range(pages):
        answer = desk.ask(name, absent(), bearer(desk.stranger.user), query=query)
        assert [mentions(answer, other) for other in others] == [set(), set()]
        query[place.parameter] = answer.body[place.member] or query[place.parameter]


def test_what_another_makes_is_anothers(desk: Desk) -> None:
    made = desk.ask("createTask", absent(), bearer(desk.stranger.user)).body
    assert made["user_id"] == desk.stranger.user
    listed = desk.ask("listTasks", absent(), bearer(desk.stranger.user)).body["items"]
    assert listed == [made, *desk.stranger.tasks]
    assert desk.ask("getTask", made["id"], bearer(desk.owned.user)).status == 404
    listed = desk.ask("listTasks", absent(), bearer(desk.owned.user)).body["items"]
    assert listed == list(desk.owned.tasks)


@pytest.mark.parametrize("name", CONTINUED)
def test_a_place_of_another_is_refused_like_one_of_nobody(name: str, desk: Desk) -> None:
    place, gone = PLANS[name].place, desk.owner_of_two()
    assert place is not None
    places = []
    for owned in (desk.owned, gone):
        answer = desk.ask(name, owned.task["id"], bearer(owned.user), query={"limit": "1"})
        places.append(answer.body[place.member])
    for task in gone.tasks:
        desk.ask("deleteTask", task["id"], bearer(gone.user))
    nonsense = [place.nonsense] if place.nonsense else []
    refused, *others = (
        desk.ask(name, absent(), bearer(desk.stranger.user), query={place.parameter: each})
        for each in [*places, *nonsense]
    )
    assert refused.status in {410, 422}
    assert others == [refused] * len(others)
    assert mentions(refused, desk.owned) == set()


@pytest.mark.parametrize("caller", CODES)
@pytest.mark.parametrize("name", PLANNED)
def test_without_a_token_that_holds_all_operations_answer_alike(
    name: str, caller: str, desk: Desk
) -> None:
    owner = desk.owned.user
    authorization = bearer(owner, **EXPIRED) if caller == "an expired token" else None
    before = desk.everything(desk.owned)
    refused = desk.ask(name, desk.owned.task["id"], authorization)
    elsewhere = desk.ask(PLANNED[0], absent(), authorization)
    assert (refused.status, refused.body["code"]) == (401, CODES[caller])
    # The length depends on the path, which `instance` repeats.
    differing = ("instance", "content-length")
    assert refused.without(*differing) == elsewhere.without(*differing)
    target = path_of(SECURED[name], desk.owned.task["id"])
    assert refused.body["instance"] == target
    assert desk.everything(desk.owned) == before


def path_of(operation: Operation, task_id: str) -> str:
    return PLANS[operation.id].request(operation, task_id).target.partition("?")[0]
