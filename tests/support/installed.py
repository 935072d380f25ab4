"""Install the wheel, as an operator does, in a virtual environment."""

import site
import subprocess
import sys
import venv
from pathlib import Path

from tests.support.folders import ROOT


def install(folder: Path) -> Path:
    """Build the wheel and install it in a new environment; return the folder of its programs.

    The environment finds the dependencies where this process does.
    """
    _run("-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder), cwd=ROOT)
    (wheel,) = folder.glob("taskward-*.whl")
    home = folder / ".venv"
    venv.create(home, with_pip=False)
    packages = home / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    lines = [f"import site; site.addsitedir({each!r})\n" for each in site.getsitepackages()]
    (packages / "dependencies.pth").write_text("".join(lines))
    offline = "--no-index", "--no-deps", "--quiet", "--disable-pip-version-check"
    _run("-m", "pip", f"--python={home / 'bin' / 'python'}", "install", *offline, str(wheel))
    return home / "bin"


def _run(*arguments: str, cwd: Path | None = None) -> None:
    subprocess.run([sys.executable, *arguments], cwd=cwd, check=True, capture_output=True)
