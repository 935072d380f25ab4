"""PostgreSQL exits and restarts, or closes its connections."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from uuid import uuid4

from tests.faults.clients import Client
from tests.faults.environment import POOL_SIZE, FaultEnvironment, Size
from tests.faults.ledger import Ledger
from tests.faults.report import Row

DOWN_SECONDS = 0.2
BACK_SECONDS = 1
PAUSES = (0, 0.01, 0.1, 1.2)
RESTS = (*[0.01] * 25, 1.2, *[0.01] * 25)
PING, STATEMENT = r"statement: SELECT$", r"execute \S+: SELECT users\."


def killed(environment: FaultEnvironment, size: Size) -> Row:
    """Kill PostgreSQL under load, and start it again; there are two workers."""
    delays = []
    with environment.another(WORKERS="2") as other:
        load, users = other.load("killed", clients=4)
        with load.running() as ledger:
            for _ in range(size.kills):
                load.wait_for(30)
                other.postgres.kill()
                time.sleep(DOWN_SECONDS)
                delays.append(load.wait_for_first(other.postgres.start()))
            load.wait_for(30)
        row = other.row(
            "PostgreSQL killed with `kill -9`, and restarted, under load", ledger, users
        )
    row.require_statuses("200", "201", "503")
    row.require("503" in ledger.statuses, "nobody noticed")
    latest = max(delays)
    row.require(latest <= BACK_SECONDS * size.patience, f"back only after {latest:.2f} s")
    row.note(f"{size.kills} kills, 2 workers")
    row.note(
        f"the first 2xx {statistics.median(delays) * 1000:.0f} ms after the database accepts "
        f"connections again, {latest * 1000:.0f} ms at most"
    )
    row.note(f"{ledger.unanswered(row.stored)} stored without acknowledgement")
    return row


def idle_connections_ended(environment: FaultEnvironment, size: Size) -> Row:
    """Close idle connections from the database, as when it is suspended."""
    ledger = Ledger()
    users = [f"idle {number} {uuid4()}" for number in range(POOL_SIZE)]
    clients = [environment.client(each, ledger) for each in users]
    ended = 0
    with ThreadPoolExecutor(POOL_SIZE) as threads:
        for pause in islice(cycle(PAUSES), size.rounds):
            [*threads.map(_ask, clients)]
            ended += environment.end_connections()
            time.sleep(pause)
        [*threads.map(_ask, clients)]
        environment.postgres.stop()
        environment.postgres.start()
        [*threads.map(_ask, clients)]
    for each in clients:
        each.close()
    row = environment.row("The database ends idle connections", ledger, users)
    environment.require_clean(row)
    pings = _count_pings(environment, users[0], ledger)
    row.require_statuses("200", "201")
    row.require(pings == 0, f"{pings} pings")
    row.note(f"{ended} connections ended in {size.rounds} rounds, and a restart in order")
    row.note(f"{len(RESTS)} requests one after the other, {pings} pings")
    return row


def _ask(client: Client) -> None:
    id_ = client.create("x")
    client.complete(str(id_))
    client.create("y", key=str(uuid4()))
    client.ask("GET", "/api/tasks")
    client.ask("GET", "/health/ready")


def _count_pings(environment: FaultEnvironment, user: str, ledger: Ledger) -> int:
    client = environment.client(user, ledger)
    with environment.default("log_statement = 'all'"):
        since = environment.postgres.log_position()
        for rest in RESTS:
            client.ask("GET", "/api/me")
            time.sleep(rest)
        pings = environment.postgres.said(PING, since)
        assert environment.postgres.said(STATEMENT, since) == len(RESTS)
    client.close()
    return pings
