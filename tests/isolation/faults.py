"""Faults that forget the owner, planted into the SQL of the store on its way to the database."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import event
from sqlalchemy.engine import Engine

# Each place where a statement says whose rows it is about.
_OWNER_CONDITION = re.compile(
    r"(?:tasks\.user_id|users\.id) = (?:owner_row\.id|(?P<parameter>\$\d+::VARCHAR))"
)
_NEW_OWNER = re.compile(r"(?<=INSERT INTO users \(id, revision, task_count\) VALUES \()\$\d+")

_GET = r"SELECT (?!.*ORDER BY)"
_CHANGE_CONTENT = r"WITH owner_row AS .* UPDATE tasks SET title"
_CHANGE_COMPLETED = r"WITH owner_row AS .* UPDATE tasks SET completed"
_DELETE = r"WITH owner_row AS .* DELETE FROM tasks"
_FIRST_PAGE = r"SELECT (?!.*tasks\.completed = )(?!.*created_at, tasks\.id\) <).*ORDER BY"
_FIRST_PAGE_OF_A_STATE = r"SELECT .*tasks\.completed = (?!.*created_at, tasks\.id\) <).*ORDER BY"
_NEXT_PAGE = r"SELECT (?!.*tasks\.completed = ).*created_at, tasks\.id\) <.*ORDER BY"
_NEXT_PAGE_OF_A_STATE = r"SELECT .*tasks\.completed = .*created_at, tasks\.id\) <.*ORDER BY"


@dataclass(frozen=True)
class Fault:
    """Something wrong, and how it comes into a statement; others are left as they are."""

    name: str
    plant: Callable[[str], str]


def _without(name: str, statement: str, *removed: int) -> Fault:
    """Remove conditions on the owner, counted from 0, from one kind of statement."""

    def plant(sql: str) -> str:
        if not re.match(statement, sql, re.DOTALL):
            return sql
        places = list(_OWNER_CONDITION.finditer(sql))
        for place in (places[number] for number in sorted(removed, reverse=True)):
            # A parameter must stay, or PostgreSQL could not tell its type.
            always = f"{place['parameter']} IS NOT NULL" if place["parameter"] else "true"
            sql = sql[: place.start()] + always + sql[place.end() :]
        return sql

    return Fault(name, plant)


def _given_away(sql: str) -> str:
    return _NEW_OWNER.sub(r"COALESCE((SELECT 'somebody else'), \g<0>::VARCHAR)", sql)


def _of_a_change(name: str, statement: str) -> list[Fault]:
    return [
        _without(f"{name}: the user's row", statement, 0),
        _without(f"{name}: whether there is such a task", statement, 1),
        _without(f"{name}: the task", statement, 2),
        _without(f"{name}: that task and user belong together", statement, 3),
        _without(f"{name}: everything about the task", statement, 1, 2, 3),
        _without(f"{name}: everything", statement, 0, 1, 2, 3),
    ]


FAULTS = [
    _without("get", _GET, 0),
    _without("list", _FIRST_PAGE, 0),
    _without("list of a state", _FIRST_PAGE_OF_A_STATE, 0),
    _without("next page", _NEXT_PAGE, 0),
    _without("next page of a state", _NEXT_PAGE_OF_A_STATE, 0),
    *_of_a_change("replace", _CHANGE_CONTENT),
    *_of_a_change("complete", _CHANGE_COMPLETED),
    *_of_a_change("delete", _DELETE),
    Fault("create: the owner is another", _given_away),
]


class Planter:
    """Plants one fault at a time into what an engine executes, and counts how often it did."""

    def __init__(self, engine: Engine) -> None:
        self.fault: Fault | None = None
        self.planted = 0
        event.listen(engine, "before_cursor_execute", self._rewrite, retval=True)

    def _rewrite(
        self, _connection: object, _cursor: object, sql: str, parameters: object, *_: object
    ) -> tuple[str, object]:
        rewritten = self.fault.plant(sql) if self.fault else sql
        self.planted += rewritten != sql
        return rewritten, parameters
