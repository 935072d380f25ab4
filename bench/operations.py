"""The four measured operations, and their requests."""

from typing import Any, NamedTuple
from uuid import UUID


class Operation(NamedTuple):
    """One operation: its request, and the status of its response."""

    name: str
    method: str
    path: str
    status: int
    writes: bool
    body: dict[str, Any] | None = None


TITLE = "Renew the passport before the summer"
DESCRIPTION = "Take two photographs along, and the old one. The office is open until noon."
DUE_AT = "2027-06-01T09:00:00Z"

LIST = Operation("list", "GET", "/api/tasks?limit=50", 200, writes=False)
GET = Operation("get", "GET", "/api/tasks/{id}", 200, writes=False)
CREATE = Operation(
    "create",
    "POST",
    "/api/tasks",
    201,
    writes=True,
    body={"title": TITLE, "description": DESCRIPTION, "due_at": DUE_AT},
)
COMPLETE = Operation(
    "complete", "PATCH", "/api/tasks/{id}/complete", 200, writes=True, body={"completed": True}
)
EMPTY = Operation("anything", "GET", "/", 200, writes=False)
"""The request to the empty application."""

OPERATIONS = (LIST, GET, CREATE, COMPLETE)


def path_of(operation: Operation, id_: UUID | str) -> str:
    """Return the path of an operation on a task."""
    return operation.path.format(id=id_)
