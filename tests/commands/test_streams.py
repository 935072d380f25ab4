"""Tests of a process whose standard streams are closed, as with `<&-` in a shell."""

import subprocess
import sys

import pytest

from app.commands import streams

PROGRAM = """
import os, runpy, sys
runpy.run_path(sys.argv[1])["open_closed_streams"]()
assert sys.stderr is not None
assert os.open(os.devnull, os.O_RDONLY) > 2
"""


@pytest.mark.parametrize("number", [0, 1, 2])
def test_no_later_descriptor_gets_the_number_of_a_closed_stream(number: int) -> None:
    # Separate from the rest of the app, which takes a second to import.
    python = sys.executable, "-c", PROGRAM, streams.__file__
    command = ["/bin/sh", "-c", f'exec "$@" {number}>&-', "sh", *python]
    assert subprocess.run(command, check=False).returncode == 0
