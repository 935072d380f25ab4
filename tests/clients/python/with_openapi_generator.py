"""What every client does, with openapi-generator's python. It prints each step that has passed."""

import os
from collections.abc import Callable
from uuid import UUID

from taskward_generated import (
    ApiClient,
    BatchOperation,
    Configuration,
    CreateOperation,
    DeleteOperation,
    Problem,
    ProblemCode,
    TaskBatch,
    TaskInput,
    TaskPatch,
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

task = tasks.create_task(TaskInput(title="one", description="text"))
assert (task.title, task.description, task.completed) == ("one", "text", False)
print("create")

assert tasks.get_task(task.id) == task
print("read")

version = f'"{task.revision}"'
renamed = tasks.update_task(task.id, TaskPatch(title="two"), if_match=version)
assert (renamed.title, renamed.description) == ("two", "text")
print("patch without")

cleared = tasks.update_task(task.id, TaskPatch(description=None))
assert (cleared.title, cleared.description) == ("two", None)
print("patch to null")

rejected(
    lambda: tasks.update_task(task.id, TaskPatch(title="late"), if_match=version),
    412,
    ProblemCode.PRECONDITION_FAILED,
)
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
operations = [
    CreateOperation(op="create", task=TaskInput(title="three")),
    UpdateOperation(op="update", id=task.id, patch=patch, revision=cleared.revision),
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

assert tasks.complete_task(task.id).completed
print("complete")

gone = tasks.create_task(TaskInput(title="gone"))
tasks.delete_task(gone.id)
rejected(lambda: tasks.get_task(gone.id), 404, ProblemCode.TASK_NOT_FOUND)
print("delete")

tasks.create_task(TaskInput(title="four"))
titles, cursor = [], None
while True:
    page = tasks.list_tasks(limit=2, cursor=cursor)
    titles += [each.title for each in page.items]
    cursor = page.next_cursor
    if cursor is None:
        break
assert titles == ["four", "three", "two"]
print("pages")
