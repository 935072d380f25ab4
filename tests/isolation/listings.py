"""Lists of tasks, specified in Python: filters, orders, and what follows a task."""

import unicodedata
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

from tests.isolation.raw_client import Json

STATES = {
    "all": {False, True},
    "deleted": {False, True},
    "pending": {False},
    "completed": {True},
}

PRIORITIES = ["none", "low", "medium", "high"]

Task: TypeAlias = dict[str, Json]
Key: TypeAlias = datetime | int | bytes


class TaskQuery(NamedTuple):
    """The selection and the order of a user's tasks."""

    status: str = "all"
    q: str = ""
    due_before: str | None = None
    due_after: str | None = None
    sort: str = "-created_at"
    label: tuple[str, ...] = ()

    @property
    def column(self) -> str:
        """Return the property that the list is sorted by."""
        return self.sort.removeprefix("-")

    @property
    def descends(self) -> bool:
        """Return whether the greatest value comes first."""
        return self.sort.startswith("-")

    def fits(self, task: Task) -> bool:
        """Return whether a task is in the list."""
        texts = (_folded(task["title"]), _folded(task["description"] or ""))
        return (
            task["completed"] in STATES[self.status]
            and all(any(word in text for text in texts) for word in _folded(self.q).split())
            and all(self._windows(due(task)))
            and set(self.label) <= set(task["labels"])
        )

    def _windows(self, due_at: str | None) -> Iterator[bool]:
        if self.due_before is not None:
            yield due_at is not None and instant(due_at) < instant(self.due_before)
        if self.due_after is not None:
            yield due_at is not None and instant(due_at) >= instant(self.due_after)

    def of(self, tasks: Iterable[Task]) -> list[Task]:
        """Return the tasks of the list, in its order; tasks without a value come last."""
        found = sorted(filter(self.fits, tasks), key=self._key, reverse=self.descends)
        return sorted(found, key=lambda task: self.value(task) is None)

    def value(self, task: Task) -> Json:
        """Return the value that a task is sorted by."""
        return due(task) if self.column == "due_at" else task[self.column]

    def _key(self, task: Task) -> "tuple[Key, str]":
        return self._comparable(self.value(task)), task["id"]

    def _comparable(self, value: Json) -> "Key":
        """Return a sort key, among tasks with a value or among those without."""
        if self.column == "priority":
            return PRIORITIES.index(value)
        if self.column == "position":
            return str(value or "").encode()
        return instant(value or "0001-01-01T00:00:00Z")

    def after(self, tasks: Iterable[Task], value: Json, id_: str) -> list[Task]:
        """Return the part of a list after a task as it was, even if the task is no longer in it."""
        return [task for task in self.of(tasks) if self._is_behind(task, value, id_)]

    def _is_behind(self, task: Task, value: Json, id_: str) -> bool:
        mine = self.value(task)
        if (mine is None) != (value is None):
            return mine is None
        key, other = self._key(task), (self._comparable(value), id_)
        return key < other if self.descends else key > other


def due(task: Task) -> str | None:
    """Return when a task is due; a day begins in UTC."""
    return f"{task['due_on']}T00:00:00Z" if task["due_on"] else task["due_at"]


def instant(text: str) -> datetime:
    """Return a time in UTC."""
    return datetime.fromisoformat(text.upper()).astimezone(UTC)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).lower()
