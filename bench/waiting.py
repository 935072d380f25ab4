"""The waits, `python -m bench.waiting`: how late a change arrives, and what 10,000 waits cost."""

import argparse
import asyncio
import json
import random
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil

from app.database import embedded
from app.database.driver.url import DatabaseUrl
from bench.databases import Databases
from bench.errors import BenchError, reporting
from bench.load import run_wrk, write_users
from bench.operations import CREATE
from tests.support.folders import world_readable_tmp
from tests.support.pgbouncer import pgbouncer
from tests.support.redis_server import redis_server
from tests.support.taskward import Taskward
from tests.support.tokens import SECRET, token_for

WAIT_SECONDS = 50
AT_ONCE = 50
"""How many waiting requests are sent at a time."""
REST_SECONDS = 10
"""For how long the CPU time of a server at rest is measured."""
PROBES = 900
"""How many other requests are sent, one after the other."""
SETTLE_SECONDS = 0.03
"""How long a request that waits has to reach its server, before a change is made."""
SECONDS, CONNECTIONS, BESIDE = 4, 16, 200
"""How long changes are made in a round, over how many connections, and how many wait beside."""
SILENT = (
    sys.executable,
    "-c",
    """
import sys
from app.__main__ import main
from app.live.signals import Signals

Signals.committed = lambda *_: None
sys.exit(main(sys.argv[1:]))
""",
)
"""A server that signals nothing."""


_token_of = cache(token_for)
"""A client sends the same token again, which the server has then verified."""


class Response(NamedTuple):
    """A response, and when its head arrived."""

    status: int
    body: bytes
    at: float
    is_last: bool
    """True if the server closes the connection after it."""


class Connection:
    """A connection to a server, for requests one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, user: str, target: str, method: str = "GET", body: bytes = b"") -> Response:
        """Send a request of a user, and return the response."""
        self.send(user, target, method, body)
        return await self.response()

    def send(self, user: str, target: str, method: str = "GET", body: bytes = b"") -> None:
        """Send a request of a user."""
        head = (
            f"{method} {target} HTTP/1.1\r\nHost: taskward\r\n"
            f"Authorization: Bearer {_token_of(user)}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)

    async def response(self) -> Response:
        """Wait for the response."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        at = time.perf_counter()
        status, fields = int(head.split(b" ", 2)[1]), head.lower()
        length = int(fields.partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
        body = await self._reader.readexactly(length)
        return Response(status, body, at, b"connection: close" in fields)

    async def wait_on(self, user: str) -> Response:
        """Wait for changes again and again; return the last response of the connection."""
        while True:
            self.send(user, f"/api/tasks/changes?wait={WAIT_SECONDS}")
            response = await self.response()
            if response.is_last:
                return response

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


@asynccontextmanager
async def connection(server: Taskward) -> AsyncIterator[Connection]:
    """Open a connection to a server."""
    opened = Connection(*await asyncio.open_connection("127.0.0.1", server.port))
    try:
        yield opened
    finally:
        opened.close()


class Running(NamedTuple):
    """A server and its process."""

    server: Taskward
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Return the CPU time of the process."""
        times = self.process.cpu_times()
        return times.user + times.system

    def megabytes(self) -> float:
        """Return the resident memory in MB."""
        return int(self.process.memory_info().rss) / 1e6


@contextmanager
def serve(
    folder: Path, name: str, program: Sequence[str] = (), **settings: str
) -> Iterator[Running]:
    """Run `serve` until the context ends."""
    (folder / name).mkdir()
    server = Taskward(folder / name)
    if program:
        server.program = (*program,)
    try:
        # Behind a proxy, an address has no limit of connections.
        process = server.serve(
            "serve",
            BETTER_AUTH_SECRET=SECRET,
            RATE_LIMIT="off",
            LOG_LEVEL="warning",
            TRUSTED_PROXY_HOPS="1",
            **settings,
        )
        yield Running(server, psutil.Process(process.pid))
        if process.poll() is None:
            server.stop(process)
    finally:
        server.end_all()


async def delays(
    writer: Taskward, reader: Taskward, user: str, count: int, pause: float = 0
) -> list[float]:
    """Return the seconds from sending a change to the response of another device's wait."""
    found = []
    async with connection(writer) as writes, connection(reader) as reads:
        since = json.loads((await reads.ask(user, "/api/tasks/changes")).body)["next"]
        for _ in range(count):
            reads.send(user, f"/api/tasks/changes?wait={WAIT_SECONDS}&since={since}")
            await asyncio.sleep(SETTLE_SECONDS + random.uniform(0, pause))  # noqa: S311
            began = time.perf_counter()
            await writes.ask(user, "/api/tasks", "POST", b'{"title": "x"}')
            response = await reads.response()
            page = json.loads(response.body)
            if len(page["changes"]) != 1:
                raise BenchError(f"a change is missing: {page}")
            since = page["next"]
            found.append(response.at - began)
    return found


def print_delays(name: str, found: Sequence[float]) -> None:
    """Print the median and the 99th percentile in milliseconds."""
    ordered = sorted(found)
    p99 = ordered[len(ordered) * 99 // 100]
    print(
        f"{name:34} median {median(ordered) * 1000:7.1f} ms   p99 {p99 * 1000:7.1f} ms", flush=True
    )


def measure_delays(folder: Path, url: str, changes: int) -> None:
    """Print the delays between two devices in every arrangement of servers."""
    with serve(folder, "one", DATABASE_URL=url) as one:
        print_delays("one process", asyncio.run(delays(one.server, one.server, "one", changes)))
    with serve(folder, "workers", DATABASE_URL=url, WORKERS="2") as two:
        print_delays("two workers", asyncio.run(delays(two.server, two.server, "two", changes)))
    with (
        serve(folder, "a", DATABASE_URL=url) as first,
        serve(folder, "b", DATABASE_URL=url) as second,
    ):
        found = asyncio.run(delays(first.server, second.server, "listen", changes))
        print_delays("two servers, LISTEN", found)
    with redis_server(folder) as redis:
        shared = {"DATABASE_URL": url, "RATE_LIMIT_STORAGE": redis.url}
        with serve(folder, "c", **shared) as first, serve(folder, "d", **shared) as second:
            found = asyncio.run(delays(first.server, second.server, "redis", changes))
            print_delays("two servers, Redis", found)
    with pgbouncer(DatabaseUrl(url), size=5) as pooled:
        shared = {"DATABASE_URL": pooled.text, "DATABASE_POOLER": "transaction"}
        with serve(folder, "e", **shared) as first, serve(folder, "f", **shared) as second:
            found = asyncio.run(
                delays(first.server, second.server, "polling", changes // 4, pause=1)
            )
            print_delays("two servers, PgBouncer, polling", found)


async def probe(server: Taskward, count: int) -> list[float]:
    """Return the seconds of other requests of another user, one after the other."""
    found = []
    async with connection(server) as asks:
        await asks.ask("other", "/api/tasks", "POST", b'{"title": "x"}')
        for _ in range(count):
            began = time.perf_counter()
            response = await asks.ask("other", "/api/tasks")
            found.append(response.at - began)
    return found


async def measure_waits(running: Running, count: int) -> None:
    """Print what so many waiting requests cost, and end the server while they wait."""
    server = running.server
    print_delays("other requests, nothing waits", await probe(server, PROBES))
    before, cpu, began = running.megabytes(), running.cpu_seconds(), time.perf_counter()
    connections: list[Connection] = []
    waits: list[asyncio.Task[Response]] = []
    for at in range(0, count, AT_ONCE):
        opened = await asyncio.gather(
            *(asyncio.open_connection("127.0.0.1", server.port) for _ in range(AT_ONCE))
        )
        for number, streams in enumerate(opened, at):
            connections.append(Connection(*streams))
            waits.append(asyncio.create_task(connections[-1].wait_on(f"waits-{number}")))
        await probe(server, 1)  # it comes behind those that were sent
    spent, seconds = running.cpu_seconds() - cpu, time.perf_counter() - began
    print(
        f"{count:,} waits began in {seconds:.1f} s, {spent / count * 1e3:.2f} ms of CPU time each"
    )
    cpu = running.cpu_seconds()
    await asyncio.sleep(REST_SECONDS)
    used = (running.cpu_seconds() - cpu) / REST_SECONDS
    print(f"memory {before:.0f} MB before, {running.megabytes():.0f} MB while {count:,} wait")
    print(f"CPU {used:.1%} of a core, as each asks again after {WAIT_SECONDS} s")
    print_delays("other requests, while all wait", await probe(server, PROBES))
    began = time.perf_counter()
    running.process.terminate()
    ended = await asyncio.gather(*waits)
    if {each.status for each in ended} != {200}:
        raise BenchError("some waits got no response")
    last = max(each.at for each in ended) - began
    print(f"after SIGTERM all {count:,} have their last response in {last:.1f} s", flush=True)
    for each in connections:
        each.close()


def measure_throughput(folder: Path, url: str, rounds: int) -> None:
    """Print the changes in a second, and the CPU time of each, with signals and waits over without.

    The CPU time is that of the server alone. On a busy machine it varies less.
    """
    users = write_users(folder / "users")
    ratios = []
    with (
        serve(folder, "without", SILENT, DATABASE_URL=url) as without,
        serve(folder, "with", DATABASE_URL=url) as used,
        ThreadPoolExecutor() as threads,
    ):
        for _ in range(rounds):
            base = _changes(without, users)
            ready = threading.Event()
            waiting = threads.submit(asyncio.run, _wait_beside(used.server, ready))
            ready.wait()
            found = _changes(used, users)
            waiting.result()
            ratios.append([more / less for more, less in zip(found, base, strict=True)])
            print(
                f"{base.per_second:6.0f} changes/s without, {found.per_second:6.0f} with waiting: "
                f"{ratios[-1][0]:.3f}; CPU time of each {ratios[-1][1]:.3f}",
                flush=True,
            )
    per_second, cpu = (median(each) for each in zip(*ratios, strict=True))
    print(f"medians of {rounds} rounds {per_second:.3f}; CPU time {cpu:.3f}")


class Changes(NamedTuple):
    """How many changes a server makes in a second, and its CPU time for each, in seconds."""

    per_second: float
    cpu_seconds: float


def _changes(running: Running, users: Path) -> Changes:
    before = running.cpu_seconds()
    load = run_wrk(running.server.base_url, CREATE, users, SECONDS, CONNECTIONS)
    spent = running.cpu_seconds() - before
    return Changes(load.requests / load.seconds, spent / load.requests)


async def _wait_beside(server: Taskward, ready: threading.Event) -> None:
    """Wait as other users while changes are made; set `ready` when all wait."""
    async with AsyncExitStack() as stack:
        for number in range(BESIDE):
            opened = await stack.enter_async_context(connection(server))
            opened.send(f"beside-{number}", f"/api/tasks/changes?wait={WAIT_SECONDS}")
        await asyncio.sleep(1)
        ready.set()
        await asyncio.sleep(SECONDS)


def _bench(options: argparse.Namespace) -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(world_readable_tmp())
        cluster = stack.enter_context(embedded.start(folder / "postgresql"))
        databases = Databases(cluster.url)
        databases.make_empty("waiting")
        url = databases.url("waiting")
        if options.changes:
            measure_delays(folder, url, options.changes)
        if options.rounds:
            measure_throughput(folder, url, options.rounds)
        if options.waits:
            with serve(folder, "waits", DATABASE_URL=url) as running:
                asyncio.run(measure_waits(running, options.waits))


def main() -> int:
    """Run the benchmark; return the exit status of the process."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.waiting",
        description="Measure requests that wait for changes.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--changes", type=int, default=400, help="of which the delay is measured")
    parser.add_argument("--rounds", type=int, default=7, help="of the throughput of changes")
    parser.add_argument("--waits", type=int, default=10_000, help="that one process has at once")
    return reporting(partial(_bench, parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
