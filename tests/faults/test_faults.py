"""Story: something breaks; what was acknowledged stays stored, and the service soon recovers."""

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import REPORTED
from tests.faults import postgres
from tests.faults.catalogue import FAULTS
from tests.faults.database_faults import MissingPartError
from tests.faults.environment import FaultEnvironment, Size, fault_environment
from tests.support.folders import world_readable_tmp
from tests.support.programs import skip

# Other tests slow everything down; `make faults` measures the published figures.
SIZE = Size(
    kills=4, rolls=1, posts=500, rounds=4, windows=1, window_seconds=0.6, abuse=60, patience=5
)


@pytest.fixture(scope="session")
def environment() -> Iterator[FaultEnvironment]:
    """The environment in which all faults run, one after the other, in any order."""
    with (
        world_readable_tmp() as folder,
        postgres.running(folder) as running,
        fault_environment(running, folder) as environment,
    ):
        yield environment


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_loses_no_acknowledged_change_and_is_transient(
    name: str, environment: FaultEnvironment, record_property: Callable[[str, object], None]
) -> None:
    try:
        row = FAULTS[name](environment, SIZE)
    except MissingPartError as error:
        skip(str(error))
    record_property(REPORTED, str(row))
    assert row.broken == []
