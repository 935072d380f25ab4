"""Lists of tasks, specified in Python: filters, orders, and what follows a task."""

import unicodedata
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

from tests.isolation.raw_client import Json

STATES = {"all": {False, True}, "pending": {False}, "completed": {True}}

Task: TypeAlias = dict[str, Json]


class TaskQuery(NamedTuple):
    """The selection and the order of a user's tasks."""

    status: str = "all"
    q: str = ""
    due_before: str | None = None
    due_after: str | None = None
    sort: str = "-created_at"

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
            and all(self._windows(task["due_at"]))
        )

    def _windows(self, due_at: str | None) -> Iterator[bool]:
        if self.due_before is not None:
            yield due_at is not None and instant(due_at) < instant(self.due_before)
        if self.due_after is not None:
            yield due_at is not None and instant(due_at) >= instant(self.due_after)

    def of(self, tasks: Iterable[Task]) -> list[Task]:
        """Return the tasks of the list, in its order; tasks without a date come last."""
        found = sorted(filter(self.fits, tasks), key=self.sort_key, reverse=self.descends)
        return sorted(found, key=lambda task: task[self.column] is None)

    def sort_key(self, task: Task) -> tuple[datetime, str]:
        """Return the sort key of a task, among those with a date or among those without."""
        return instant(task[self.column] or "0001-01-01T00:00:00Z"), task["id"]

    def after(self, tasks: Iterable[Task], last: Task) -> list[Task]:
        """Return the part of a list after a task as it was, even if the task is no longer in it."""
        return [task for task in self.of(tasks) if self._is_behind(task, last)]

    def _is_behind(self, task: Task, last: Task) -> bool:
        undated = [each[self.column] is None for each in (task, last)]
        if undated[0] != undated[1]:
            return undated[0]
        mine, other = self.sort_key(task), self.sort_key(last)
        return mine < other if self.descends else mine > other


def instant(text: str) -> datetime:
    """Return a time in UTC."""
    return datetime.fromisoformat(text.upper()).astimezone(UTC)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).lower()
