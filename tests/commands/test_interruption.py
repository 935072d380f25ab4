"""A signal ends a command that is starting, even if a library swallows what it raises."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest

from app.commands.errors import CommandError
from app.commands.interruption import Interruption
from app.commands.serve import serve
from app.settings import read_settings

SIGNALS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


@pytest.fixture
def interruption() -> Iterator[Interruption]:
    actions = {each: signal.getsignal(each) for each in SIGNALS}
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


def test_a_reload_does_not_end_a_server_that_is_starting(
    interruption: Interruption, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BETTER_AUTH_SECRET", "JWKS_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(CommandError, match="no key"):
        serve(read_settings({}), interruption)
    os.kill(os.getpid(), signal.SIGHUP)
