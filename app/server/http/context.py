"""The state that the connections of a process share."""

from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.typing import Event

from .lean import LeanEvent


class DrainingWorkerContext(WorkerContext):
    """Hypercorn's context, extended by the state of the shutdown."""

    event_class: type[Event] = LeanEvent
    is_draining = False
    """True from the stop signal on. Each response is then the last one on its connection."""
