"""What every client does, with openapi-python-client. A step prints its name when it has passed."""

import os
from datetime import date
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
    restore_task,
    update_task,
)
from taskward_client.models import (
    CreateOperation,
    CreateOperationOp,
    DeleteOperation,
    DeleteOperationOp,
    Extra,
    Problem,
    ProblemCode,
    RestoreOperation,
    RestoreOperationOp,
    Task,
    TaskBatch,
    TaskBatchMode,
    TaskBatchResult,
    TaskInput,
    TaskPage,
    TaskPatch,
    TaskPriority,
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

content = TaskInput(
    id=UUID("0b4ad7ac-8d4b-4f0e-9a0c-2f5b9e9d1f11"),
    title="one",
    description="text",
    due_on=date(2026, 12, 1),
    labels=["errand", "town"],
    priority=TaskPriority.HIGH,
    extra=Extra.from_dict({"color": "green"}),
)
task = stored(create_task.sync(client=client, body=content))
assert (task.id, task.title, task.description) == (content.id, "one", "text")
assert (task.due_on, task.labels) == (content.due_on, content.labels)
assert (task.priority, task.extra["color"]) == (TaskPriority.HIGH, "green")
assert task.completed is False
print("create")

assert stored(create_task.sync(client=client, body=content)) == task
another = create_task.sync(client=client, body=TaskInput(id=task.id, title="another"))
assert stored(rejected(another, 409, ProblemCode.TASK_EXISTS).task).title == "one"
print("repeat")

assert stored(get_task.sync(task.id, client=client)) == task
print("read")

version = f'"{task.revision}"'
patch = TaskPatch(title="two")
renamed = stored(update_task.sync(task.id, client=client, body=patch, if_match=version))
assert (renamed.title, renamed.description) == ("two", "text")
print("patch without")

patch = TaskPatch(description=None, extra=Extra.from_dict({"color": None}))
cleared = stored(update_task.sync(task.id, client=client, body=patch))
assert (cleared.title, cleared.description, cleared.extra) == ("two", None, Extra())
print("patch to null")

patch = TaskPatch(title="late")
late = update_task.sync(task.id, client=client, body=patch, if_match=version)
assert stored(rejected(late, 412, ProblemCode.PRECONDITION_FAILED).task).title == "two"
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
update = UpdateOperation(
    op=UpdateOperationOp.UPDATE, id=task.id, patch=patch, revision=cleared.revision
)
batch = TaskBatch(
    operations=[
        CreateOperation(op=CreateOperationOp.CREATE, task=TaskInput(title="three")),
        update,
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

restore = RestoreOperation(op=RestoreOperationOp.RESTORE, id=other.id)
batch = TaskBatch(operations=[restore, update], mode=TaskBatchMode.EACH)
result = batch_tasks.sync(client=client, body=batch)
assert isinstance(result, TaskBatchResult), result
restored, failed = result.results
assert (restored.status, stored(restored.task).title) == (200, "other")
assert failed.status == HTTPStatus.PRECONDITION_FAILED
problem = rejected(failed.problem, 412, ProblemCode.PRECONDITION_FAILED)
assert stored(problem.task).description == "new"
print("each")

assert stored(complete_task.sync(task.id, client=client)).completed
print("complete")

gone = stored(create_task.sync(client=client, body=TaskInput(title="gone")))
for _ in range(2):
    deletion = delete_task.sync_detailed(gone.id, client=client, idempotency_key="a key")
    assert deletion.status_code == HTTPStatus.NO_CONTENT
rejected(get_task.sync(gone.id, client=client), 404, ProblemCode.TASK_NOT_FOUND)
print("delete")

assert stored(restore_task.sync(gone.id, client=client)).title == "gone"
print("restore")

labelled = list_tasks.sync(client=client, label=["errand", "town"])
assert isinstance(labelled, TaskPage), labelled
assert [each.title for each in labelled.items] == ["two"]
print("labels")

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
assert titles == ["four", "gone", "three", "other", "two"]
print("pages")
