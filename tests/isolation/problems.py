"""The problems in the model's responses, without `instance` and `request_id`."""

NOT_FOUND = {
    "type": "/problems#task_not_found",
    "title": "Task not found",
    "status": 404,
    "detail": "You have no task with this id.",
    "code": "task_not_found",
}
INVALID_CURSOR = {
    "type": "/problems#invalid_request",
    "title": "The request does not match the contract",
    "status": 422,
    "detail": "The request has 1 error. See `errors`.",
    "code": "invalid_request",
    "errors": [
        {"parameter": "cursor", "detail": "does not match the user, filters and sort order"},
    ],
}
PRECONDITION_FAILED = {
    "type": "/problems#precondition_failed",
    "title": "The task has changed",
    "status": 412,
    "detail": "The task has changed: it does not match the version that you sent.",
    "code": "precondition_failed",
}
TOKEN_EXPIRED = {
    "type": "/problems#change_token_expired",
    "title": "The change token has expired",
    "status": 410,
    "detail": "The change token has expired. Request the feed again without `since`.",
    "code": "change_token_expired",
}
KEY_REUSED = {
    "type": "/problems#idempotency_key_reused",
    "title": "The idempotency key belongs to another request",
    "status": 422,
    "detail": "This `Idempotency-Key` was already used for a different request. Use a new key.",
    "code": "idempotency_key_reused",
    "errors": [{"header": "Idempotency-Key", "detail": "was already used for a different request"}],
}
ROLLED_BACK = "The batch was rolled back. `errors` lists what failed."
TASK_EXISTS = {
    "type": "/problems#task_exists",
    "title": "The id is in use",
    "status": 409,
    "detail": "You have a task with this id, and it has other content.",
    "code": "task_exists",
}
TASK_DELETED = {
    "type": "/problems#task_deleted",
    "title": "The task was deleted",
    "status": 409,
    "detail": "You have deleted the task with this id. Use a new id.",
    "code": "task_deleted",
}
FAULTS = {
    "task_not_found": ("id", "is not the id of your task"),
    "precondition_failed": ("revision", "is not the current revision of the task"),
    "task_exists": ("task/id", "is the id of a task with other content"),
    "task_deleted": ("task/id", "is the id of a deleted task"),
}
"""The place and the detail of an operation that failed, by the code of its problem."""
NOT_CONFIRMED = {
    **INVALID_CURSOR,
    "errors": [{"parameter": "confirm", "detail": "is not the id of the token's user"}],
}
