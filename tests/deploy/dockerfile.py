"""Parse a Dockerfile, and run its steps in a folder of this machine."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HOME = "/taskward"
"""The folder in which all paths of the Dockerfile are."""


class Instruction(NamedTuple):
    """An instruction of a Dockerfile."""

    name: str
    value: str


def instructions(text: str) -> Iterator[Instruction]:
    """Yield the instructions of a Dockerfile, each on one line, without comments."""
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for line in re.sub(r"\\\n\s*", "", lines).splitlines():
        if line:
            name, _, value = line.partition(" ")
            yield Instruction(name, value)


class Build:
    """Runs the steps of a Dockerfile. Then `folder` has what the container would have in `HOME`.

    Programs in `programs` replace those of the machine.
    """

    def __init__(self, text: str, context: Path, folder: Path, programs: Path) -> None:
        self.environment: dict[str, str] = {}
        self.user = ""
        self.health: list[str] = []
        self._context = context
        self._folder = folder
        self._path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._entry_point: list[str] = []
        self._command: list[str] = []
        self._arguments: dict[str, str] = {}
        for instruction in instructions(text):
            getattr(self, f"_{instruction.name.lower()}")(self._filled_in(instruction.value))

    @property
    def command(self) -> list[str]:
        """The command that the container runs."""
        return self._entry_point + self._command

    def _from(self, _: str) -> None:
        self.environment.clear()

    def _label(self, _: str) -> None:
        """Do nothing: a label only describes the image."""

    _expose = _label

    def _filled_in(self, value: str) -> str:
        for name, default in self._arguments.items():
            value = value.replace(f"${{{name}}}", default)
        return value

    def _arg(self, value: str) -> None:
        name, _, default = value.partition("=")
        self._arguments[name] = default

    def _env(self, value: str) -> None:
        self.environment |= dict(re.findall(r"(\w+)=(\S+)", value))

    def _workdir(self, value: str) -> None:
        assert value == HOME
        self._folder.mkdir(exist_ok=True)

    def _copy(self, value: str) -> None:
        *sources, target = value.split()
        if sources[0] == "--from=build":
            assert sources[1:] == [f"{HOME}/{target}"]
            self._keep(target)
            return
        for source in sources:
            assert f"!{source}" in (self._context / ".dockerignore").read_text().splitlines()
            origin = self._context / source
            if origin.is_dir():
                caches = shutil.ignore_patterns("__pycache__")
                shutil.copytree(origin, self._folder / target, ignore=caches)
            else:
                shutil.copy(origin, self._folder / target)

    def _keep(self, name: str) -> None:
        """Remove from the folder what the last stage does not copy from the one before."""
        for path in self._folder.iterdir():
            if path.name == name:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def _run(self, value: str) -> None:
        subprocess.run(
            ["/bin/sh", "-euc", self._here(re.sub(r"--mount=\S+", "", value))],
            cwd=self._folder,
            env=os.environ | {"PATH": self._path, "COVERAGE_PROCESS_CONFIG": ""},
            check=True,
        )

    def _user(self, value: str) -> None:
        self.user = value

    def _healthcheck(self, value: str) -> None:
        _, _, command = value.partition(" CMD ")
        self.health = self._words(command)

    def _entrypoint(self, value: str) -> None:
        self._entry_point = self._words(value)

    def _cmd(self, value: str) -> None:
        self._command = self._words(value)

    def _words(self, value: str) -> list[str]:
        """Return the words of a command in exec form, which runs without a shell."""
        words: list[str] = json.loads(value)
        return [self._here(word) for word in words]

    def _here(self, text: str) -> str:
        return text.replace(f"{HOME}/", f"{self._folder}/")
