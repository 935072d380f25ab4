"""Fixtures: a running Better Auth with the secret of the tests."""

from collections.abc import Iterator

import pytest

from tests.issuer.better_auth import FOLDER, BetterAuth
from tests.support import tokens
from tests.support.node_packages import installed_or_skipped


@pytest.fixture(scope="session")
def better_auth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BetterAuth]:
    """Run Better Auth. Without Node.js or a registry, skip the test, but not in CI."""
    installed_or_skipped(FOLDER)
    state = tmp_path_factory.mktemp("better-auth") / "tables"
    with BetterAuth(tokens.SECRET, state) as running:
        yield running
