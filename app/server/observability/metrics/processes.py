"""Metrics of the service's processes: memory, CPU, descriptors, time of the start."""

import os
import sys
import time
from collections.abc import Iterable, Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector

from .slots import Slot

_BOOTED_AT = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else 0


def process_metrics(slots: Iterable[Slot]) -> Iterator[Metric]:
    """Yield the library's metrics of each process, with the label `process`.

    Its value is `main` for this process, and `worker-N` for the one in slot N. In its mode for
    several processes, the library has no such metrics. Only Linux provides them.
    """
    found: dict[str, Metric] = {}
    for process, name in _names(slots).items():
        for metric in _Process(process).collect():
            whole = found.setdefault(
                metric.name, Metric(metric.name, metric.documentation, metric.type)
            )
            for sample in metric.samples:
                whole.add_sample(sample.name, {"process": name}, sample.value)
    yield from found.values()


def _names(slots: Iterable[Slot]) -> dict[int, str]:
    """Return the value of the label `process` for the id of each process."""
    found = {each.process: f"worker-{each.number}" for each in slots if each.process is not None}
    return found | {os.getpid(): "main"}


class _Process(ProcessCollector):
    def __init__(self, process: int) -> None:
        super().__init__(pid=lambda: process, registry=None)

    def _boot_time(self) -> float:
        """Return when the machine booted.

        This overrides the method of the library, which reads /proc/stat. With `ProcSubset=pid`
        systemd hides that file, and the library would then have no metrics at all.
        """
        return _BOOTED_AT
