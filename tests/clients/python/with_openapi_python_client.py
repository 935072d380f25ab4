"""What every client does, with openapi-python-client. A step prints its name when it has passed."""

import os
from http import HTTPStatus
from uuid import UUID

from taskward_client import AuthenticatedClient
from taskward_client.api.tasks import (
    batch_tasks,
    complete_task,
    create_task,
    delete_task,
    get_task,
    list_tasks,
    update_task,
)
from taskward_client.models import (
    CreateOperation,
    CreateOperationOp,
    DeleteOperation,
    DeleteOperationOp,
    Problem,
    ProblemCode,
    Task,
    TaskBatch,
    TaskBatchResult,
    TaskInput,
    TaskPage,
    TaskPatch,
    UpdateOperation,
    UpdateOperationOp,
)
from taskward_client.types import UNSET, Unset


def connect(token: str) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=os.environ["BASE_URL"], token=token)


def stored(response: object) -> Task:
    assert isinstance(response, Task), response
    return response


def rejected(response: object, status: int, code: ProblemCode) -> Problem:
    assert isinstance(response, Problem), response
    assert (response.status, response.code) == (status, code)
    return response


client = connect(os.environ["TOKEN"])

task = stored(create_task.sync(client=client, body=TaskInput(title="one", description="text")))
assert (task.title, task.description, task.completed) == ("one", "text", False)
print("create")

assert stored(get_task.sync(task.id, client=client)) == task
print("read")

version = f'"{task.revision}"'
patch = TaskPatch(title="two")
renamed = stored(update_task.sync(task.id, client=client, body=patch, if_match=version))
assert (renamed.title, renamed.description) == ("two", "text")
print("patch without")

patch = TaskPatch(description=None)
cleared = stored(update_task.sync(task.id, client=client, body=patch))
assert (cleared.title, cleared.description) == ("two", None)
print("patch to null")

patch = TaskPatch(title="late")
late = update_task.sync(task.id, client=client, body=patch, if_match=version)
rejected(late, 412, ProblemCode.PRECONDITION_FAILED)
print("412")

blank = create_task.sync(client=client, body=TaskInput(title=" "))
errors = rejected(blank, 422, ProblemCode.INVALID_REQUEST).errors
assert not isinstance(errors, Unset)
assert (errors[0].pointer, errors[0].detail) == ("/title", "is blank")
print("422")

rejected(get_task.sync(task.id, client=connect("none")), 401, ProblemCode.INVALID_TOKEN)
print("401")

unknown = UUID("00000000-0000-4000-8000-000000000000")
rejected(get_task.sync(unknown, client=client), 404, ProblemCode.TASK_NOT_FOUND)
print("404")

other = stored(create_task.sync(client=client, body=TaskInput(title="other")))
patch = TaskPatch(description="new")
batch = TaskBatch(
    operations=[
        CreateOperation(op=CreateOperationOp.CREATE, task=TaskInput(title="three")),
        UpdateOperation(
            op=UpdateOperationOp.UPDATE, id=task.id, patch=patch, revision=cleared.revision
        ),
        DeleteOperation(op=DeleteOperationOp.DELETE, id=other.id),
    ]
)
result = batch_tasks.sync(client=client, body=batch)
assert isinstance(result, TaskBatchResult), result
assert [(each.op, each.task and each.task.title) for each in result.results] == [
    ("create", "three"),
    ("update", "two"),
    ("delete", None),
]
print("batch")

assert stored(complete_task.sync(task.id, client=client)).completed
print("complete")

gone = stored(create_task.sync(client=client, body=TaskInput(title="gone")))
assert delete_task.sync_detailed(gone.id, client=client).status_code == HTTPStatus.NO_CONTENT
rejected(get_task.sync(gone.id, client=client), 404, ProblemCode.TASK_NOT_FOUND)
print("delete")

stored(create_task.sync(client=client, body=TaskInput(title="four")))
titles: list[str] = []
cursor: str | Unset = UNSET
while True:
    page = list_tasks.sync(client=client, limit=2, cursor=cursor)
    assert isinstance(page, TaskPage), page
    titles += [each.title for each in page.items]
    if page.next_cursor is None:
        break
    cursor = page.next_cursor
assert titles == ["four", "three", "two"]
print("pages")
