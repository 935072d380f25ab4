"""All faults, by name: each is a function that runs on a scene and returns a row."""

from collections.abc import Callable
from functools import partial

from tests.faults import (
    abuse,
    conflicts,
    deploys,
    exhaustion,
    issuers,
    leftovers,
    refusals,
    restarts,
    rudeness,
)
from tests.faults.report import Row
from tests.faults.scene import Scene, Size

FAULTS: dict[str, Callable[[Scene, Size], Row]] = {
    "killed": restarts.killed,
    "idle": restarts.idle_connections_ended,
    "exhausted": exhaustion.pool_exhausted,
    "aborted": exhaustion.aborted_requests,
    "disk-full": refusals.disk_full,
    "read-only": refusals.read_only,
    "locked": refusals.lock_time_outs,
    "time-out": refusals.statement_time_outs,
    "serialization": conflicts.serialization_failures,
    "deadlock": conflicts.deadlocks,
    **{kind: partial(rudeness.rude_clients, kind) for kind in rudeness.FAULTS},
    **{kind: partial(abuse.abused, kind) for kind in abuse.ABUSES},
    "erasure": leftovers.large_erasure,
    "leftovers": leftovers.leftovers_purged,
    "issuer": issuers.issuer,
    "rolled": deploys.rolled,
}
