"""The numbers about workers that metrics show."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal


@dataclass
class WorkerTally:
    """The supervisor updates it, and the thread that serves the metrics reads it.

    Without a supervisor, the only process counts as the worker.
    """

    configured: int = 1
    running: Callable[[], int] = lambda: 1
    """A function that returns how many workers serve requests."""
    restarts: int = 0
    """How often a worker that exited was replaced."""
    reloads: dict[Literal["completed", "failed"], int] = field(
        default_factory=lambda: {"completed": 0, "failed": 0}
    )
