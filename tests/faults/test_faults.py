"""Story: something breaks; what was acknowledged stays stored, and the service soon recovers."""

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import REPORTED
from tests.faults import postgres
from tests.faults.catalogue import FAULTS
from tests.faults.scene import Scene, Size, staged
from tests.faults.troubles import MissingPartError
from tests.support.folders import open_folder
from tests.support.programs import skip

# Other tests slow everything down; `make faults` measures the published figures.
SIZE = Size(rolls=2, posts=500, rounds=4, window_seconds=0.6, abuse=120, patience=5)


@pytest.fixture(scope="session")
def scene() -> Iterator[Scene]:
    """The scene on which all faults run, one after the other, in any order."""
    with (
        open_folder() as folder,
        postgres.running(folder) as running,
        staged(running, folder) as scene,
    ):
        yield scene


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_takes_nothing_that_was_acknowledged_and_passes_by_itself(
    name: str, scene: Scene, record_property: Callable[[str, object], None]
) -> None:
    try:
        row = FAULTS[name](scene, SIZE)
    except MissingPartError as error:
        skip(str(error))
    record_property(REPORTED, str(row))
    assert row.broken == []
