"""The state that the connections of a process share."""

from hypercorn.asyncio.worker_context import WorkerContext


class DrainingWorkerContext(WorkerContext):
    """Hypercorn's context, extended by the state of the shutdown."""

    is_draining = False
    """True from the stop signal on. Each response is then the last one on its connection."""
