"""What a program does with a typed client: create, page, change, conflict, retry, synchronise."""

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
    update_task,
)
from taskward_client.models import (
    ChangePage,
    CreateOperation,
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
)
from taskward_client.types import UNSET, Unset

client = AuthenticatedClient(base_url=os.environ["BASE_URL"], token=os.environ["TOKEN"])


def create(title: str) -> Task:
    answer = create_task.sync_detailed(client=client, body=TaskInput(title=title))
    assert isinstance(answer.parsed, Task)
    assert answer.headers["ETag"] == f'"{answer.parsed.revision}"'
    return answer.parsed


def page() -> list[str]:
    titles: list[str] = []
    cursor: str | Unset = UNSET
    while True:
        found = list_tasks.sync(client=client, limit=2, sort=TaskSort.CREATED_AT, cursor=cursor)
        assert isinstance(found, TaskPage)
        titles += [task.title for task in found.items]
        if found.next_cursor is None:
            return titles
        cursor = found.next_cursor


def change(task: Task, title: str) -> Task | ProblemCode:
    answer = update_task.sync(
        task.id, client=client, body=TaskPatch(title=title), if_match=f'"{task.revision}"'
    )
    if isinstance(answer, Problem):
        return answer.code
    assert isinstance(answer, Task)
    return answer


def create_once(key: str) -> tuple[UUID, bool]:
    answer = create_task.sync_detailed(
        client=client, body=TaskInput(title="once"), idempotency_key=key
    )
    assert isinstance(answer.parsed, Task)
    return answer.parsed.id, "Idempotent-Replayed" in answer.headers


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


def main() -> None:
    titles = ["one", "two", "three"]
    first, second, third = [create(title) for title in titles]
    assert page() == titles

    changed = change(first, "changed")
    assert isinstance(changed, Task)
    assert changed.title == "changed"
    assert change(first, "too late") is ProblemCode.PRECONDITION_FAILED

    key = str(uuid4())
    once, _ = create_once(key)
    assert create_once(key) == (once, True)

    copy: dict[UUID, Task] = {}
    token = synchronise(copy)
    assert copy[first.id] == changed

    assert delete_task.sync_detailed(second.id, client=client).status_code == 204
    gone = get_task.sync(second.id, client=client)
    assert isinstance(gone, Problem)
    assert gone.code is ProblemCode.TASK_NOT_FOUND
    completed = complete_task.sync(third.id, client=client)
    assert isinstance(completed, Task)
    assert completed.completed
    batch = TaskBatch(
        operations=[
            UpdateOperation(op="update", id=third.id, patch=TaskPatch(description=None)),
            CreateOperation(op="create", task=TaskInput(title="four")),
        ]
    )
    result = batch_tasks.sync(client=client, body=batch)
    assert isinstance(result, TaskBatchResult)
    assert [each.op for each in result.results] == ["update", "create"]

    synchronise(copy, token)
    listed = list_tasks.sync(client=client)
    assert isinstance(listed, TaskPage)
    assert {task.id for task in listed.items} == set(copy)
    me = get_me.sync(client=client)
    assert isinstance(me, Me)
    assert me.task_count == len(copy)
    print(f"in step with {len(copy)} tasks")


main()
