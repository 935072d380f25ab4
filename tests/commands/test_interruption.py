"""A signal ends a command that is starting, even if a library swallows what it raises."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest

from app.commands.interruption import Interruption


@pytest.fixture
def interruption() -> Iterator[Interruption]:
    actions = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
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
