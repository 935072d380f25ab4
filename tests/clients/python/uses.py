"""Uses of the typed client that are right. The test turns each into a mistake."""

from taskward_client import AuthenticatedClient
from taskward_client.api.tasks import create_task, list_tasks
from taskward_client.models import Problem, ProblemCode, Task, TaskInput, TaskPage, TaskSort

client = AuthenticatedClient(base_url="/", token="")

task = create_task.sync(client=client, body=TaskInput(title="one"))
if isinstance(task, Problem) and task.code is ProblemCode.TASK_QUOTA_REACHED:
    raise ValueError(task.detail)
assert isinstance(task, Task)
print(task.title.strip())

page = list_tasks.sync(client=client, sort=TaskSort.CREATED_AT)
assert isinstance(page, TaskPage)
print([each.revision for each in page.items])
