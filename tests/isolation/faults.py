"""Faults that drop the owner, planted into the store's SQL on its way to the database."""

import re
from collections.abc import Callable
from dataclasses import dataclass

# Each condition of a statement that names the owner of the rows.
_OWNER_CONDITION = re.compile(
    r"(?:tasks\.user_id|users\.id|idempotency_keys\.user_id|tombstones\.user_id) = "
    r"(?:(?:owner_row|locked_owner)\.id|locked\.user_id|(?P<parameter>\$\d+::VARCHAR))"
)
_NEW_OWNER = re.compile(
    r"(?<=INSERT INTO users \(id, revision, task_count\) SELECT )\$\d+::VARCHAR"
)

_GET = r"SELECT tasks\.(?!.*JOIN tombstones)"
_USE = r"SELECT tasks\..*JOIN tombstones"
_OWN_ID = r"WITH owner_row AS .*EXISTS"
_CHANGE = r"WITH locked_owner AS .*UPDATE tasks SET"
_DELETE = r"WITH locked_owner AS .*DELETE FROM tasks"
_LIST = r"SELECT users\.epoch(?!.*feed_floor).*FROM tasks"
_CHANGES = r"SELECT users\.epoch.*users\.feed_floor"
_FIRST_CHANGES = r"(?!.*UNION ALL)" + _CHANGES
_LATER_CHANGES = r"(?=.*UNION ALL)" + _CHANGES
_ANY_STATE, _OF_A_STATE = r"(?!.*tasks\.completed = )", r"(?=.*tasks\.completed = )"
_FIRST, _NEXT = r"(?!.*tasks\.id\) <)", r"(?=.*tasks\.id\) <)"
_FIRST_PAGE = _ANY_STATE + _FIRST + _LIST
_FIRST_PAGE_OF_A_STATE = _OF_A_STATE + _FIRST + _LIST
_NEXT_PAGE = _ANY_STATE + _NEXT + _LIST
_NEXT_PAGE_OF_A_STATE = _OF_A_STATE + _NEXT + _LIST
_BY_DUE_DATE = r"(?=.*UNION ALL)" + _LIST
_UNDATED = r"(?!.*UNION ALL)(?=.*tasks\.due_at IS NULL)" + _LIST
_SEARCH = r'(?=.*COLLATE "C")' + _LIST
_WINDOW = r"(?=.*tasks\.due_at >= )" + _LIST
_DELETED = r"SELECT users\.epoch(?!.*feed_floor).*FROM tombstones"
_RESTORABLE = r"SELECT trash\."
_COUNTS = r"SELECT users\.task_count, CASE"
_ANSWER = r"SELECT idempotency_keys"
_ETAG_OF_LISTS = r"SELECT users\.(?!.*FROM tasks)"


@dataclass(frozen=True)
class Fault:
    """A fault, and how it is planted into a statement; other statements stay as they are."""

    name: str
    plant: Callable[[str], str]


def _without(name: str, statement: str, *removed: int) -> Fault:
    """Return a fault that removes conditions on the owner, by index, from one kind of statement."""

    def plant(sql: str) -> str:
        if not re.match(statement, sql, re.DOTALL):
            return sql
        places = list(_OWNER_CONDITION.finditer(sql))
        for place in sorted((places[number] for number in removed), key=_start, reverse=True):
            # Keep one use of the parameter: without it, PostgreSQL cannot derive its type.
            always = f"{place['parameter']} IS NOT NULL" if place["parameter"] else "true"
            sql = sql[: place.start()] + always + sql[place.end() :]
        return sql

    return Fault(name, plant)


def _start(place: re.Match[str]) -> int:
    return place.start()


def _given_away(sql: str) -> str:
    return _NEW_OWNER.sub(r"COALESCE((SELECT 'somebody else'), \g<0>)", sql)


def _of_a_change(name: str, statement: str, *places: int) -> list[Fault]:
    """Return faults for the seven conditions of a change: the locked row, the task, and so on."""
    owner, task, both, revision, revision_of, changed, changed_of = places
    return [
        _without(f"{name}: whose row is locked", statement, owner),
        _without(f"{name}: whose task is looked at", statement, task),
        _without(f"{name}: that both belong together", statement, both),
        _without(f"{name}: whose revision is taken", statement, revision),
        _without(f"{name}: that it is that of the task's owner", statement, revision_of),
        _without(f"{name}: whose task is changed", statement, changed),
        _without(f"{name}: that it is of whom the revision is", statement, changed_of),
        _without(f"{name}: everything about the task", statement, task, both, changed, changed_of),
        _without(f"{name}: everything", statement, *places),
    ]


FAULTS = [
    _without("get", _GET, 0),
    _without("get: whose erasure counts", _GET, 1),
    _without("list", _FIRST_PAGE, 0),
    _without("list of a state", _FIRST_PAGE_OF_A_STATE, 0),
    _without("next page", _NEXT_PAGE, 0),
    _without("next page of a state", _NEXT_PAGE_OF_A_STATE, 0),
    _without("list by due date: with one", _BY_DUE_DATE, 0),
    _without("list by due date: without one", _BY_DUE_DATE, 2),
    _without("list by due date: its end", _UNDATED, 0),
    _without("list of a text", _SEARCH, 0),
    _without("list of a time", _WINDOW, 0),
    _without("list: the user's row", _LIST, -1),
    _without("first changes", _FIRST_CHANGES, 0),
    _without("later changes: of tasks", _LATER_CHANGES, 0),
    _without("later changes: of deletions", _LATER_CHANGES, 2),
    _without("later changes: the user's row", _LATER_CHANGES, -1),
    _without("deleted tasks", _DELETED, 2),
    _without("deleted tasks: how many", _DELETED, 0),
    _without("restore: whether it can be restored", _RESTORABLE, 0),
    _without("counts: of pending tasks", _COUNTS, 2),
    _without("counts: of deleted tasks", _COUNTS, 3),
    _without("replay", _ANSWER, 0),
    _without("etag of lists", _ETAG_OF_LISTS, 0),
    *_of_a_change("change", _CHANGE, *range(7)),
    # The conditions in between select the tombstones that are deleted.
    *_of_a_change("delete", _DELETE, 0, 2, 3, 4, 5, 8, 9),
    _without("delete: whose tombstones are dropped", _DELETE, 1, 6, 7),
    Fault("create: the owner is another", _given_away),
    _without("own id: whose task has it", _OWN_ID, 0),
    _without("own id: whose deletion has it", _OWN_ID, 1),
    _without("use of an id: whose task has it", _USE, 0),
    _without("use of an id: whose deletion has it", _USE, 1),
    _without("use of an id: the user's row", _USE, 2),
]


class Planter:
    """Plants one fault at a time into the driver's SQL, and counts how often it did."""

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self.planted = 0

    def rewrite(self, sql: str) -> str:
        """Return the statement with the fault."""
        rewritten = self.fault.plant(sql) if self.fault else sql
        self.planted += rewritten != sql
        return rewritten
