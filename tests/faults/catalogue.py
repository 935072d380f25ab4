"""All faults, by name: each is a function that runs in an environment and returns a row."""

from collections.abc import Callable
from functools import partial

from tests.faults import (
    abuse,
    conflicts,
    deploys,
    exhaustion,
    issuers,
    leftovers,
    misbehaving_clients,
    refusals,
    restarts,
)
from tests.faults.environment import FaultEnvironment, Size
from tests.faults.report import Row

FAULTS: dict[str, Callable[[FaultEnvironment, Size], Row]] = {
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
    **{
        kind: partial(misbehaving_clients.measure_honest_clients, kind)
        for kind in misbehaving_clients.FAULTS
    },
    **{kind: partial(abuse.abused, kind) for kind in abuse.ABUSES},
    "erasure": leftovers.large_erasure,
    "leftovers": leftovers.leftovers_purged,
    "issuer": issuers.issuer,
    "rolled": deploys.rolled,
}
