"""Another account that replaces a folder by a symbolic link, and back."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SWAP = """
import os, sys, time
path, target, account, stop = sys.argv[1:]
os.setgid(int(account)); os.setuid(int(account))
print(flush=True)
def attempt(action, *arguments):
    try:
        action(*arguments)
    except OSError:  # the path was just made again
        pass
while os.getppid() != 1 and not os.path.exists(stop):
    attempt(os.rename, path, path + ".away")
    attempt(os.symlink, target, path)
    time.sleep(0.001)
    attempt(os.unlink, path)
    attempt(os.rmdir, path)
    attempt(os.rename, path + ".away", path)
    time.sleep(0.001)
"""


@contextmanager
def swapping(path: Path, target: Path, account: int) -> Iterator[None]:
    """Run another account that repeatedly replaces a folder by a link to another one."""
    stop = target.parent / "stop-exchanging"
    arguments = [str(path), str(target), str(account), str(stop)]
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", SWAP, *arguments], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield
    finally:
        stop.touch()
        process.communicate()
        stop.unlink()
        assert process.returncode == 0
