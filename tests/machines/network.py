"""Machines in a network: network namespaces on a bridge, or only ports if those are forbidden."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest

from tests.support.ports import free_port

MACHINES = 2


@dataclass(frozen=True)
class MachineAddress:
    """The address of a machine, and the words before a command that is to run on it."""

    host: str
    port: int
    prefix: tuple[str, ...] = ()


@dataclass(frozen=True)
class Network:
    """The machines, and the address by which they reach other programs."""

    host: str
    machines: list[MachineAddress] = field(default_factory=list)


@contextmanager
def network() -> Iterator[Network]:
    """Create machines with separate network stacks. Without root, only ports and folders differ."""
    if os.geteuid() == 0 and shutil.which("ip") and _runs("ip", "netns", "list"):
        with _bridged() as made:
            yield made
    else:
        if os.geteuid() == 0 and os.environ.get("CI"):
            pytest.fail("there are no network namespaces: iproute2, or the right to make them")
        machines = [MachineAddress("127.0.0.1", free_port("127.0.0.1")) for _ in range(MACHINES)]
        yield Network("127.0.0.1", machines)


@contextmanager
def _bridged() -> Iterator[Network]:
    number = next(each for each in range(1, 250) if _add_bridge(each))
    subnet, bridge = f"198.18.{number}", f"taskward{number}"
    made = Network(f"{subnet}.1")
    with ExitStack() as undo:
        undo.callback(_run, "ip", "link", "delete", bridge)
        _run("ip", "address", "add", f"{made.host}/24", "dev", bridge)
        _run("ip", "link", "set", bridge, "up")
        for machine in range(2, 2 + MACHINES):
            name, host = f"{bridge}m{machine}", f"{subnet}.{machine}"
            inside, outside = f"tw{number}m{machine}i", f"tw{number}m{machine}o"
            _run("ip", "netns", "add", name)
            undo.callback(_run, "ip", "netns", "delete", name)
            _run("ip", "link", "add", outside, "type", "veth", "peer", inside, "netns", name)
            _run("ip", "link", "set", outside, "master", bridge, "up")
            within = ("ip", "netns", "exec", name)
            _run(*within, "ip", "address", "add", f"{host}/24", "dev", inside)
            _run(*within, "ip", "link", "set", inside, "up")
            _run(*within, "ip", "link", "set", "lo", "up")
            made.machines.append(MachineAddress(host, 8000, within))
        yield made


def _add_bridge(number: int) -> bool:
    """Create the bridge with this number. Return whether it was free."""
    return _runs("ip", "link", "add", f"taskward{number}", "type", "bridge")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _runs(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
