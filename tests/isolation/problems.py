"""The problems that the model answers with, without `instance` and `request_id`."""

NOT_FOUND = {
    "type": "/problems#task_not_found",
    "title": "No such task",
    "status": 404,
    "detail": "You have no task with this id.",
    "code": "task_not_found",
}
INVALID_CURSOR = {
    "type": "/problems#invalid_request",
    "title": "The request does not fit the contract",
    "status": 422,
    "detail": "1 fault was found; see errors.",
    "code": "invalid_request",
    "errors": [
        {"parameter": "cursor", "detail": "was not made for this user and these filters"},
    ],
}
PRECONDITION_FAILED = {
    "type": "/problems#precondition_failed",
    "title": "The task has changed",
    "status": 412,
    "detail": "The task is not the version that was expected; read it again.",
    "code": "precondition_failed",
}
TOKEN_EXPIRED = {
    "type": "/problems#change_token_expired",
    "title": "The change token does not hold any more",
    "status": 410,
    "detail": "What changed since this token is not known any more; begin anew, without since.",
    "code": "change_token_expired",
}
KEY_REUSED = {
    "type": "/problems#idempotency_key_reused",
    "title": "The idempotency key belongs to another request",
    "status": 422,
    "detail": "This Idempotency-Key came with another body before; make a new one.",
    "code": "idempotency_key_reused",
    "errors": [{"header": "Idempotency-Key", "detail": "came with another body before"}],
}
WHY = "is why nothing was carried out"
NOT_CONFIRMED = {
    **INVALID_CURSOR,
    "errors": [{"parameter": "confirm", "detail": "is not the id of the token's user"}],
}
