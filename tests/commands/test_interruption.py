"""A signal ends a starting command, even if a library swallows the exception."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from app.commands.errors import CommandError
from app.commands.interruption import Interruption
from app.commands.serve import serve
from app.server.http.listener import listen
from app.server.http.run import run
from app.server.lifecycle import Lifecycle
from app.server.workers.supervisor import supervise
from app.server.workers.tally import WorkerTally
from app.settings import read_settings
from tests.commands.conftest import bare_application

SIGNALS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


@pytest.fixture
def interruption(monkeypatch: pytest.MonkeyPatch) -> Iterator[Interruption]:
    actions = {each: signal.getsignal(each) for each in SIGNALS}
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    interruption = Interruption()
    interruption.install()
    yield interruption
    for each, action in actions.items():
        signal.signal(each, action)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_process(interruption: Interruption, number: int, status: int) -> None:
    interruption.check()
    with pytest.raises(SystemExit) as ended:
        os.kill(os.getpid(), number)
    assert ended.value.code == status


def test_a_signal_that_was_swallowed_is_not_lost(interruption: Interruption) -> None:
    with suppress(SystemExit):
        os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(SystemExit):
        interruption.check()


def test_a_signal_in_a_finalizer_prints_no_traceback(
    interruption: Interruption, capsys: pytest.CaptureFixture[str]
) -> None:
    class Thing:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    thing = Thing()
    del thing
    with pytest.raises(SystemExit):
        interruption.check()
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("interruption")
@pytest.mark.parametrize("is_supervisor", [False, True])
def test_a_second_signal_does_not_disturb_what_is_ending(is_supervisor: bool) -> None:
    listener = listen("127.0.0.1:0", 75)
    first = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    first.start()
    if is_supervisor:
        supervise(listener, WorkerTally(0), "none", lambda: b"", Lifecycle("here", 0))
        os.kill(os.getpid(), signal.SIGHUP)
    else:
        run(bare_application(), listener)
    listener.close()
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_reload_does_not_end_a_server_that_is_starting(
    interruption: Interruption, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BETTER_AUTH_SECRET", "JWKS_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(CommandError, match="no key"):
        serve(read_settings({}), interruption)
    os.kill(os.getpid(), signal.SIGHUP)
