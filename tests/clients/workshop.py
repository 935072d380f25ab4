"""The programs that generate, compile and run clients, and the folder in which they do."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.support.folders import ROOT
from tests.support.node_packages import installed_or_skipped
from tests.support.programs import program, skip

CLIENTS = Path(__file__).parent
CONTRACT = ROOT / "openapi.yaml"
_NONE: Mapping[str, str] = MappingProxyType({})
_VENV = ROOT / ".venv-clients"
# Debian's, because the jar of openapi-generator lacks one annotation of generated Java.
_ANNOTATIONS = Path("/usr/share/java/geronimo-annotation-1.3-spec.jar")


@dataclass(frozen=True)
class Workshop:
    """A folder with a copy of each story, and the programs."""

    folder: Path
    node: str
    node_programs: Path
    specmatic: Path
    """A jar with Ktor's client and Jackson's module for Kotlin."""
    go: str
    java: str
    javac: str
    python: Path
    """The Python of `.venv-clients`."""

    def run(
        self,
        *command: str | Path,
        folder: Path | None = None,
        environment: Mapping[str, str] = _NONE,
    ) -> str:
        """Run a program in a folder, and return its output. Raises `AssertionError` if it fails."""
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        finished = subprocess.run(
            list(map(str, command)),
            cwd=folder or self.folder,
            env=os.environ | {"PATH": programs, "GOFLAGS": "-mod=mod", **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, f"{command[0]}: {finished.stdout}{finished.stderr}"
        return finished.stdout

    @property
    def openapi_generator(self) -> Path:
        """The jar of openapi-generator."""
        return _only(_VENV, "lib/python*/site-packages/openapi_generator_cli/*.jar")

    @property
    def kotlin(self) -> Path:
        """The folder with the jars of Kotlin's compiler and library."""
        return _only(_VENV, "lib/python*/site-packages/run_kotlin_kernel/jars")

    @property
    def java_classes(self) -> str:
        """The class path of generated Java: Jackson, and an annotation."""
        return f"{self.openapi_generator}:{_ANNOTATIONS}"

    @property
    def kotlin_classes(self) -> str:
        """The class path of generated Kotlin."""
        return f"{_only(self.kotlin, 'kotlin-stdlib-*.jar')}:{self.specmatic}"


def open_workshop(folder: Path) -> Workshop:
    """Return a workshop in a folder. If a program is missing, skip the test, but not in CI."""
    for each in ("typescript", "python", "java", "go", "kotlin"):
        ignored = shutil.ignore_patterns("node_modules", "__pycache__")
        shutil.copytree(CLIENTS / each, folder / each, ignore=ignored)
    if not _ANNOTATIONS.exists():
        skip(f"there is no {_ANNOTATIONS}")
    made = subprocess.run(
        [program("make"), "--silent", f"PYTHON={sys.executable}", f"{_VENV.name}/.installed"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        skip(f"{_VENV.name} cannot be made: {made.stderr}")
    installed = installed_or_skipped(CLIENTS / "typescript")
    (folder / "typescript" / "node_modules").symlink_to(installed.parent)
    specmatic = installed_or_skipped(CLIENTS / "kotlin").parent / "specmatic" / "specmatic.jar"
    return Workshop(
        folder,
        node=program("node"),
        node_programs=installed,
        specmatic=specmatic,
        go=program("go"),
        java=program("java"),
        javac=program("javac"),
        python=_VENV / "bin" / "python",
    )


def _only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found
