"""What the connections of a process share."""

from hypercorn.asyncio.worker_context import WorkerContext


class Context(WorkerContext):
    """Hypercorn's, with one state more."""

    is_draining = False
    """Whether each answer is the last one on its connection."""
