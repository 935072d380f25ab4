"""A program that uses the typed client, with one function for each feature.

Each function checks the responses.
"""

import os
from uuid import UUID, uuid4

from taskward_client import AuthenticatedClient
from taskward_client.api.me import get_me
from taskward_client.api.tasks import (
    batch_tasks,
    complete_task,
    create_task,
    delete_task,
    get_task,
    list_changes,
    list_tasks,
    replace_task,
    update_task,
)
from taskward_client.models import (
    ChangePage,
    CreateOperation,
    CreateOperationOp,
    Me,
    Problem,
    ProblemCode,
    Task,
    TaskBatch,
    TaskBatchResult,
    TaskInput,
    TaskPage,
    TaskPatch,
    TaskSort,
    UpdateOperation,
    UpdateOperationOp,
)
from taskward_client.types import UNSET, Unset

# Without this, a response that the contract does not have, such as a 500, would be None.
client = AuthenticatedClient(
    base_url=os.environ["BASE_URL"], token=os.environ["TOKEN"], raise_on_unexpected_status=True
)


def create(title: str) -> Task:
    response = create_task.sync_detailed(client=client, body=TaskInput(title=title))
    assert isinstance(response.parsed, Task)
    assert response.headers["ETag"] == f'"{response.parsed.revision}"'
    return response.parsed


def page() -> list[str]:
    titles: list[str] = []
    cursor: str | Unset = UNSET
    while True:
        found = list_tasks.sync(client=client, limit=2, sort=TaskSort.CREATED_AT, cursor=cursor)
        assert isinstance(found, TaskPage)
        assert len(found.items) <= 2
        titles += [task.title for task in found.items]
        if found.next_cursor is None:
            return titles
        cursor = found.next_cursor


def read(task: Task) -> None:
    assert get_task.sync(task.id, client=client) == task


def replace(task: Task, title: str) -> Task:
    response = replace_task.sync(task.id, client=client, body=TaskInput(title=title))
    assert isinstance(response, Task)
    assert (response.id, response.title, response.description) == (task.id, title, None)
    assert response.revision > task.revision
    return response


def change(task: Task, title: str) -> Task | ProblemCode:
    response = update_task.sync(
        task.id, client=client, body=TaskPatch(title=title), if_match=f'"{task.revision}"'
    )
    if isinstance(response, Problem):
        return response.code
    assert isinstance(response, Task)
    assert response.title == title
    return response


def complete(task: Task) -> None:
    response = complete_task.sync(task.id, client=client)
    assert isinstance(response, Task)
    assert response.completed
    assert response.completed_at is not None


def delete(task: Task) -> None:
    assert delete_task.sync_detailed(task.id, client=client).status_code == 204
    gone = get_task.sync(task.id, client=client)
    assert isinstance(gone, Problem)
    assert gone.status == 404
    assert gone.code is ProblemCode.TASK_NOT_FOUND


def create_once(key: str) -> tuple[UUID, bool]:
    response = create_task.sync_detailed(
        client=client, body=TaskInput(title="once"), idempotency_key=key
    )
    assert isinstance(response.parsed, Task)
    return response.parsed.id, "Idempotent-Replayed" in response.headers


def synchronise(copy: dict[UUID, Task], since: str | Unset = UNSET) -> str:
    while True:
        changes = list_changes.sync(client=client, since=since, limit=2)
        assert isinstance(changes, ChangePage)
        for each in changes.changes:
            if each.task is None:
                copy.pop(each.id, None)
            else:
                copy[each.id] = each.task
        since = changes.next_
        if not changes.has_more:
            return since


def batch(task: Task) -> None:
    body = TaskBatch(
        operations=[
            UpdateOperation(
                op=UpdateOperationOp.UPDATE, id=task.id, patch=TaskPatch(description=None)
            ),
            CreateOperation(op=CreateOperationOp.CREATE, task=TaskInput(title="four")),
        ]
    )
    response = batch_tasks.sync(client=client, body=body)
    assert isinstance(response, TaskBatchResult)
    assert [each.op for each in response.results] == ["update", "create"]


def compare(copy: dict[UUID, Task]) -> None:
    listed = list_tasks.sync(client=client)
    assert isinstance(listed, TaskPage)
    assert {task.id: task for task in listed.items} == copy
    me = get_me.sync(client=client)
    assert isinstance(me, Me)
    assert me.task_count == len(copy)


def main() -> None:
    titles = ["one", "two", "three"]
    first, second, third = [create(title) for title in titles]
    assert page() == titles
    read(first)

    replaced = replace(first, "replaced")
    changed = change(replaced, "changed")
    assert isinstance(changed, Task)
    assert change(replaced, "too late") is ProblemCode.PRECONDITION_FAILED

    key = str(uuid4())
    once, replayed = create_once(key)
    assert not replayed
    assert create_once(key) == (once, True)

    copy: dict[UUID, Task] = {}
    token = synchronise(copy)
    assert copy[first.id] == changed

    complete(third)
    delete(second)
    batch(third)
    synchronise(copy, token)
    compare(copy)
    print(f"in step with {len(copy)} tasks")


main()
