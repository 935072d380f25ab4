"""The types of the handlers' responses, and the responses that several handlers have."""

from typing import Literal, TypeAlias
from urllib.parse import urlencode

from quart import request

from .etags import task_etag
from .schemas import Task, TaskBatchResult

Headers: TypeAlias = dict[str, str]
TaskResponse: TypeAlias = tuple[Task, Literal[200], Headers]
Created: TypeAlias = tuple[Task, Literal[201], Headers]
BatchResponse: TypeAlias = tuple[TaskBatchResult, Literal[200], Headers]
NotModified: TypeAlias = tuple[None, Literal[304], Headers]
NoContent: TypeAlias = tuple[None, Literal[204]]
Deleted: TypeAlias = tuple[None, Literal[204], Headers]


def task_response(task: Task) -> TaskResponse:
    """Return a task and its ETag."""
    return task, 200, {"ETag": task_etag(task.revision)}


def not_modified(etag: str) -> NotModified:
    """Return that the client has this version."""
    return None, 304, {"ETag": etag}


def link_header(next_cursor: str | None) -> Headers:
    """Return the header that leads to the next page of a list, if there is one."""
    if next_cursor is None:
        return {}
    sent = [each for each in request.args.items(multi=True) if each[0] != "cursor"]
    query = urlencode([*sent, ("cursor", next_cursor)])
    return {"Link": f'<{request.root_path}{request.path}?{query}>; rel="next"'}
