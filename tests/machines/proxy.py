"""A real haproxy in front of the machines, and between them and what they share."""

import csv
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.machines.network import Network
from tests.support.addresses import Address
from tests.support.ports import free_port, wait_until_listening
from tests.support.programs import program

CONFIGURATION = """
global
    maxconn 1000
    stats socket {folder}/haproxy.sock
defaults
    maxconn 1000
    timeout connect 5s
    timeout client 20s
    timeout server 20s
frontend api
    mode http
    bind 127.0.0.1:{port}
    default_backend machines
backend machines
    mode http
    balance roundrobin
    option forwardfor
{machines}
"""
SHARED = """
listen shared{number}
    mode tcp
    bind {host}:{port}
    # As a firewall on the way may end connections that rest.
    timeout client 3s
    timeout server 3s
    server shared {target}
"""


@dataclass(frozen=True)
class Proxy:
    """A proxy that sends each request to the next machine."""

    port: int
    shared: list[int]
    """The ports by which the machines reach what they share."""
    folder: Path

    def served(self) -> list[int]:
        """Return how many requests each machine has served."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(str(self.folder / "haproxy.sock"))
            asking.sendall(b"show stat\n")
            response = b"".join(iter(lambda: asking.recv(65536), b"")).decode()
        rows = csv.DictReader(response.removeprefix("# ").splitlines())
        return [
            int(row["stot"])
            for row in rows
            if row["pxname"] == "machines" and row["svname"].startswith("machine")
        ]


@contextmanager
def proxy(network: Network, folder: Path, *targets: Address) -> Iterator[Proxy]:
    """Run haproxy. If it is not installed, skip the test, but not in CI.

    The machines reach each of `targets`, which this machine reaches, over the network.
    """
    made = Proxy(free_port("127.0.0.1"), [free_port(network.host) for _ in targets], folder)
    servers = "\n".join(
        f"    server machine{number} {address.host}:{address.port}"
        for number, address in enumerate(network.machines)
    )
    shared = "".join(
        SHARED.format(number=number, host=network.host, port=port, target=_written(target))
        for number, (port, target) in enumerate(zip(made.shared, targets, strict=True))
    )
    configuration = CONFIGURATION.format(folder=folder, port=made.port, machines=servers)
    (folder / "haproxy.cfg").write_text(configuration + shared)
    process = subprocess.Popen([program("haproxy"), "-q", "-db", "-f", str(folder / "haproxy.cfg")])
    try:
        wait_until_listening(made.port, process)
        yield made
    finally:
        process.terminate()
        process.wait(10)


def _written(target: Address) -> str:
    return f"unix@{target.socket}" if target.socket else f"{target.host}:{target.port}"
