"""What every client does, with openapi-generator's python. It prints each step that has passed."""

import os
from collections.abc import Callable
from datetime import date
from uuid import UUID

from taskward_generated import (
    ApiClient,
    BatchOperation,
    Configuration,
    CreateOperation,
    DeleteOperation,
    Problem,
    ProblemCode,
    RestoreOperation,
    TaskBatch,
    TaskInput,
    TaskPatch,
    TaskPriority,
    TasksApi,
    UpdateOperation,
)
from taskward_generated.exceptions import ApiException


def connect(token: str) -> TasksApi:
    return TasksApi(ApiClient(Configuration(host=os.environ["BASE_URL"], access_token=token)))


def rejected(request: Callable[[], object], status: int, code: ProblemCode) -> Problem:
    problem: object = None
    try:
        request()
    except ApiException as error:
        problem = error.data
    assert isinstance(problem, Problem), f"there is no {status}"
    assert (problem.status, problem.code) == (status, code)
    return problem


tasks = connect(os.environ["TOKEN"])

content = TaskInput(
    id=UUID("0b4ad7ac-8d4b-4f0e-9a0c-2f5b9e9d1f11"),
    title="one",
    description="text",
    due_on=date(2026, 12, 1),
    labels=["errand", "town"],
    priority=TaskPriority.HIGH,
    extra={"color": "green"},
)
task = tasks.create_task(content)
assert (task.id, task.title, task.description) == (content.id, "one", "text")
assert (task.due_on, task.labels) == (content.due_on, content.labels)
assert (task.priority, task.extra["color"]) == (TaskPriority.HIGH, "green")
assert task.completed is False
print("create")

assert tasks.create_task(content) == task
another = TaskInput(id=task.id, title="another")
problem = rejected(lambda: tasks.create_task(another), 409, ProblemCode.TASK_EXISTS)
assert problem.task is not None
assert problem.task.title == "one"
print("repeat")

assert tasks.get_task(task.id) == task
print("read")

version = f'"{task.revision}"'
renamed = tasks.update_task(task.id, TaskPatch(title="two"), if_match=version)
assert (renamed.title, renamed.description) == ("two", "text")
print("patch without")

cleared = tasks.update_task(task.id, TaskPatch(description=None, extra={"color": None}))
assert (cleared.title, cleared.description, cleared.extra) == ("two", None, {})
print("patch to null")

problem = rejected(
    lambda: tasks.update_task(task.id, TaskPatch(title="late"), if_match=version),
    412,
    ProblemCode.PRECONDITION_FAILED,
)
assert problem.task is not None
assert problem.task.title == "two"
print("412")

problem = rejected(
    lambda: tasks.create_task(TaskInput(title=" ")), 422, ProblemCode.INVALID_REQUEST
)
assert problem.errors is not None
assert (problem.errors[0].pointer, problem.errors[0].detail) == ("/title", "is blank")
print("422")

rejected(lambda: connect("none").get_task(task.id), 401, ProblemCode.INVALID_TOKEN)
print("401")

rejected(
    lambda: tasks.get_task(UUID("00000000-0000-4000-8000-000000000000")),
    404,
    ProblemCode.TASK_NOT_FOUND,
)
print("404")

other = tasks.create_task(TaskInput(title="other"))
patch = TaskPatch(description="new")
update = UpdateOperation(op="update", id=task.id, patch=patch, revision=cleared.revision)
operations = [
    CreateOperation(op="create", task=TaskInput(title="three")),
    update,
    DeleteOperation(op="delete", id=other.id),
]
batch = TaskBatch(operations=[BatchOperation(each) for each in operations])
results = tasks.batch_tasks(batch).results
assert [(each.op, each.task and each.task.title) for each in results] == [
    ("create", "three"),
    ("update", "two"),
    ("delete", None),
]
print("batch")

operations = [RestoreOperation(op="restore", id=other.id), update]
batch = TaskBatch(operations=[BatchOperation(each) for each in operations], mode="each")
restored, failed = tasks.batch_tasks(batch).results
assert restored.task is not None
assert (restored.status, restored.task.title) == (200, "other")
assert failed.problem is not None
assert (failed.status, failed.problem.code) == (412, ProblemCode.PRECONDITION_FAILED)
assert failed.problem.task is not None
assert failed.problem.task.description == "new"
print("each")

assert tasks.complete_task(task.id).completed
print("complete")

gone = tasks.create_task(TaskInput(title="gone"))
tasks.delete_task(gone.id, idempotency_key="a key")
tasks.delete_task(gone.id, idempotency_key="a key")
rejected(lambda: tasks.get_task(gone.id), 404, ProblemCode.TASK_NOT_FOUND)
print("delete")

assert tasks.restore_task(gone.id).title == "gone"
print("restore")

labelled = tasks.list_tasks(label=["errand", "town"]).items
assert [each.title for each in labelled] == ["two"]
print("labels")

tasks.create_task(TaskInput(title="four"))
titles, cursor = [], None
while True:
    page = tasks.list_tasks(limit=2, cursor=cursor)
    titles += [each.title for each in page.items]
    cursor = page.next_cursor
    if cursor is None:
        break
assert titles == ["four", "gone", "three", "other", "two"]
print("pages")
