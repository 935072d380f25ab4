"""Log lines for limits and faults that make the service reject valid requests."""

from quart_contract import Problem

from ...auth.request_state import RequestState
from ...lasting_event import LastingEvent

REASONS = {
    "database_unavailable": "the database, or a free connection to it, took too long or failed",
    "rate_limited": "there were more requests, or invalid tokens, than RATE_LIMIT",
    "search_timeout": "searches took too long",
    "storage_budget_reached": "idempotency keys fill the storage of a user",
    "task_quota_reached": "a user has MAX_TASKS_PER_USER tasks",
}
"""The problems that an operator can do something about. Other events tell of those left out."""


class Rejections:
    """Logs when requests begin to be rejected for a reason, and when that is over.

    The first line has the user, or the address of a client without a verified token.
    """

    def __init__(self) -> None:
        self._events = {
            code: LastingEvent(
                "app.server", "requests rejected", "requests accepted again", code=code, reason=why
            )
            for code, why in REASONS.items()
        }

    def observe(self, problem: Problem, state: RequestState) -> None:
        """Record a problem that the service responds with."""
        event = self._events.get(problem.code)
        if event is None:
            return
        if state.user_id is not None:
            event.occurs(user=state.user_id)
        else:
            event.occurs(address=state.client_address)
