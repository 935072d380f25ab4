"""PostgreSQL rolls back a change because of another one."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from tests.faults.database_faults import refused_inserts
from tests.faults.environment import FaultEnvironment, Size
from tests.faults.ledger import Ledger
from tests.faults.report import Row
from tests.support.waiting import wait_until

CHANGES = 200
_WAITS_FOR_US = "SELECT pid FROM pg_locks WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"


def serialization_failures(environment: FaultEnvironment, _: Size) -> Row:
    """Reject every third new task, while the default isolation is `serializable`."""
    since = environment.postgres.log_position()
    load, users = environment.load("serialization")
    with (
        refused_inserts(environment),
        environment.default(
            "default_transaction_isolation = serializable", keeping_connections=True
        ),
        load.running() as ledger,
    ):
        load.wait_for(CHANGES)
    refused = environment.postgres.said("ERROR:  could not serialize access", since)
    row = environment.row("Serialization failures", ledger, users)
    row.require_statuses("200", "201", "503")
    row.require(refused >= CHANGES / 10, f"only {refused} refusals")
    told = ledger.statuses["503"]
    row.require(told * 10 <= refused, f"{told} of {refused} refusals reached a client")
    row.note(f"{refused} refusals, {told} of them told to a client after five attempts")
    environment.require_clean(row)
    return row


def deadlocks(environment: FaultEnvironment, size: Size) -> Row:
    """Lock in the opposite order in another transaction; PostgreSQL cancels the user's change."""
    ledger, user = Ledger(), f"deadlock {uuid4()}"
    client = environment.client(user, ledger)
    since = environment.postgres.log_position()
    with (
        environment.default("deadlock_timeout = '100ms'", keeping_connections=True),
        environment.session() as rival,
        ThreadPoolExecutor(1) as thread,
    ):
        rival("SET deadlock_timeout = '20s'")  # the first session to detect it is cancelled
        for number in range(size.rounds):
            id_ = str(client.create(f"task {number}"))
            rival("BEGIN")
            rival("SELECT FROM tasks WHERE id = $1::text::uuid FOR UPDATE", id_)
            change = thread.submit(client.complete, id_)
            wait_until(lambda: bool(rival(_WAITS_FOR_US)))
            rival("SELECT FROM users WHERE id = $1 FOR UPDATE", user)
            rival("COMMIT")
            change.result()
    client.close()
    detected = environment.postgres.said("ERROR:  deadlock detected", since)
    row = environment.row("Deadlocks", ledger, [user])
    row.require_statuses("200", "201")
    row.require(detected >= size.rounds, f"only {detected} deadlocks")
    row.note(f"{detected} deadlocks, each change made again")
    environment.require_clean(row)
    return row
