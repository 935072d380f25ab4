"""A machine of its own: a real systemd that boots in a container."""

import re
import secrets
import site
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.support.installed import install
from tests.support.programs import program, skip
from tests.support.waiting import wait_until

BOOT_SECONDS = 60
PYTHON, DEPENDENCIES, HOME = "/opt/python", "/opt/dependencies", "/opt/taskward"


class Machine:
    """A booted systemd, with Taskward installed in /opt/taskward as the guide says."""

    def __init__(self, leader: psutil.Process, home: Path) -> None:
        self.home = home
        """The folder that is /opt/taskward in the machine."""
        self._leader = leader

    @property
    def root(self) -> Path:
        """The root folder of the machine. It is in memory, and ends with the machine."""
        return Path(f"/proc/{self._leader.pid}/root")

    def run(self, *command: str) -> str:
        """Run a command in the machine, which must succeed. Return its output."""
        status, output = self.finished(*command)
        assert status == 0, output
        return output

    def finished(self, *command: str) -> tuple[int, str]:
        """Run a command in the machine. Return its exit status and its output."""
        finished = subprocess.run(
            [program("nsenter"), f"--target={self._leader.pid}", "--all", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return finished.returncode, finished.stdout

    def show(self, unit: str, name: str) -> str:
        """Return a property of a unit."""
        return self.run("systemctl", "show", "--property", name, "--value", unit).strip()

    def journal(self, unit: str, *options: str) -> str:
        """Return the lines of a unit in the journal."""
        self.run("journalctl", "--sync")
        return self.run("journalctl", "--output=cat", f"--unit={unit}", *options)


@contextmanager
def boot(folder: Path) -> Iterator[Machine]:
    """Boot a machine from /usr of this one, with an empty /etc and /var in memory.

    It shares the network of this machine.
    """
    nspawn = program("systemd-nspawn")
    if psutil.Process().uids().effective != 0:
        skip("systemd-nspawn needs root")
    home = _install(folder)
    packages = next(iter(site.getsitepackages()))
    binds = {str(home): HOME, sys.base_prefix: PYTHON, packages: DEPENDENCIES}
    with tempfile.TemporaryFile("w+") as console:
        process = subprocess.Popen(
            [
                *(nspawn, "--quiet", "--boot", "--directory=/", "--volatile=yes"),
                *("--register=no", "--keep-unit", "--console=read-only"),
                f"--machine=taskward-{secrets.token_hex(4)}",
                *(f"--bind-ro={source}:{target}" for source, target in binds.items()),
                *("--", "systemd.firstboot=off", "systemd.unit=sysinit.target"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
        )
        try:
            yield _booted(process, home)
        except BaseException:
            console.seek(0)
            sys.stderr.write(console.read())
            raise
        finally:
            process.terminate()  # powers off
            with suppress(subprocess.TimeoutExpired):
                process.wait(BOOT_SECONDS)
            process.kill()
            process.wait()


def _booted(process: "subprocess.Popen[bytes]", home: Path) -> Machine:
    wait_until(lambda: process.poll() is not None or _first_process(process.pid), BOOT_SECONDS)
    leader = _first_process(process.pid)
    assert leader is not None
    machine = Machine(leader, home)
    wait_until(
        lambda: machine.finished("systemctl", "is-system-running")[1].strip() == "running",
        BOOT_SECONDS,
    )
    # The interpreter can have a library of its own, whose folder is another one in the machine.
    (machine.root / "etc/ld.so.conf").write_text(f"{PYTHON}/lib\n")
    machine.run("ldconfig")
    return machine


def _first_process(nspawn: int) -> psutil.Process | None:
    """Return the process that has the number 1 in the machine."""
    for child in psutil.Process(nspawn).children():
        numbers = re.search(r"(?m)^NSpid:(.*)$", Path(f"/proc/{child.pid}/status").read_text())
        if numbers is not None and numbers[1].split()[1:] == ["1"]:
            return child
    return None


def _install(folder: Path) -> Path:
    """Install the wheel, with the paths that it has in the machine. Return the folder."""
    programs = install(folder)
    minor = f"python3.{sys.version_info.minor}"
    for each in programs.glob("python*"):
        each.unlink()
        each.symlink_to(f"{PYTHON}/bin/{minor}")
    for each in (programs / "taskward", programs.parent / "pyvenv.cfg"):
        text = each.read_text().replace(str(folder), HOME)
        each.write_text(text.replace(f"{sys.base_prefix}/bin", f"{PYTHON}/bin"))
    (pth,) = programs.parent.rglob("dependencies.pth")
    pth.write_text(f"import site; site.addsitedir({DEPENDENCIES!r})\n")
    return folder
