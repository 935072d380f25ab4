"""Tests of a worker and its supervisor, when one of them stops responding."""

import asyncio
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.server.http.listener import listen
from app.server.workers import process as worker_process
from tests.support.folders import ROOT


async def test_a_suspension_of_the_supervisor_is_no_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = """
import os, time
while True:
    os.write(0, b'.')
    time.sleep(0.02)
"""
    (tmp_path / "program.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(worker_process, "SILENT_SECONDS", 0.4)
    monkeypatch.setattr(worker_process, "STEP_SECONDS", 0.1)
    listener = listen("127.0.0.1:0", 75)
    beating = await worker_process.Worker.start("program", listener.descriptor, b"an order")
    assert await beating.is_ready()
    time.sleep(0.5)  # noqa: ASYNC251 - it acts like SIGSTOP, or a suspended machine
    await asyncio.sleep(0.05)
    assert not beating.ended.done()
    await beating.end()
    listener.close()


def test_a_worker_without_a_supervisor_exits_silently() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs:
        finished = subprocess.run(
            [sys.executable, "-m", "app.commands.worker", "0"],
            cwd=ROOT,
            stdin=theirs.fileno(),
            capture_output=True,
            check=False,
        )
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, b"", b"")
