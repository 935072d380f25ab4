"""The soak, `python -m bench.soak`: whether the memory of a server grows while it serves."""

import argparse
import json
import random
import sys
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack
from functools import partial

from app.database import embedded
from bench import rows
from bench.connection import Connection, request
from bench.databases import Databases
from bench.errors import reporting
from bench.operations import COMPLETE, CREATE, GET, LIST, path_of
from bench.servers import serve
from bench.systems import TASKWARD
from tests.support.folders import world_readable_tmp
from tests.support.tokens import token_for

PARTS = 10
"""How often the memory is printed while the requests are sent."""


def main() -> int:
    """Run the soak; return the exit status of the process."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.soak",
        description="Print the memory of a server at rest, and while it serves.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--requests", type=int, default=200_000, help="how many are sent")
    parser.add_argument("--connections", type=int, default=16, help="how many there are at once")
    options = parser.parse_args()
    return reporting(partial(_soak, options.requests, options.connections))


def _soak(requests: int, connections: int) -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(world_readable_tmp())
        cluster = stack.enter_context(embedded.start(folder / "postgresql"))
        databases = Databases(cluster.url)
        databases.make_for_taskward(TASKWARD.name)
        # The threads end after the server: an interruption does not wait for their last request.
        threads = stack.enter_context(ThreadPoolExecutor(connections))
        server = stack.enter_context(serve(TASKWARD, databases.url(TASKWARD.name), folder))
        answered = [0] * connections
        """The number of responses on each connection."""

        def keep_busy(number: int) -> None:
            with Connection(server.base_url) as connection:
                for _ in _lives(connection, number):
                    answered[number] += 1
                    if sum(answered) >= requests:
                        return

        print(f"{0:9,} answered {server.megabytes():8.1f} MB, at rest", flush=True)
        busy = {threads.submit(keep_busy, number) for number in range(connections)}
        part = 1
        while busy:
            done, busy = wait(busy, 0.1, FIRST_EXCEPTION)
            for thread in done:
                thread.result()
            if sum(answered) >= requests * part // PARTS:
                print(f"{sum(answered):9,} answered {server.megabytes():8.1f} MB", flush=True)
                part += 1


def _lives(connection: Connection, seed: int) -> Iterator[None]:
    """Create, change and delete tasks of random users without end; yield after each response."""
    chosen = random.Random(seed)  # noqa: S311 - the same sequence at every run
    while True:
        user = chosen.randrange(rows.USERS)
        token = token_for(rows.user_name(user))
        key = {"Idempotency-Key": f"{chosen.getrandbits(64):x}"}
        new = json.dumps(CREATE.body).encode()
        created = request(token, CREATE.path, method="POST", body=new, headers=key)
        task = json.loads(connection.ask(created, 201).body)
        yield
        for status, step in _life(token, task["id"], task["revision"], user):
            connection.ask(step, status)
            yield


def _life(token: str, id_: str, revision: int, user: int) -> tuple[tuple[int, bytes], ...]:
    """Return the requests about a new task, each after the expected status of its response."""
    path, foreign = path_of(GET, id_), path_of(GET, rows.task_id(user + 1, 0))
    completion = json.dumps(COMPLETE.body).encode()
    too_long = json.dumps({"title": "x" * 201}).encode()
    return (
        (200, request(token, path)),
        (304, request(token, path, headers={"If-None-Match": f'"{revision}"'})),
        (200, request(token, LIST.path)),
        (200, request(token, path_of(COMPLETE, id_), method="PATCH", body=completion)),
        (200, request(token, "/api/tasks/changes?limit=50")),
        (404, request(token, foreign)),
        (401, request(token[:-4], path)),
        (422, request(token, CREATE.path, method="POST", body=too_long)),
        (204, request(token, path, method="DELETE")),
    )


if __name__ == "__main__":
    sys.exit(main())
