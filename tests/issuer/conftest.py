"""A running Better Auth, with the secret of the tests."""

import os
from collections.abc import Iterator

import pytest

from tests import tokens
from tests.issuer import packages
from tests.issuer.better_auth import BetterAuth


@pytest.fixture(scope="session")
def better_auth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BetterAuth]:
    """Better Auth; skipped where there is no Node.js or no registry, but not in CI."""
    try:
        packages.install()
        packages.find("node")
    except packages.MissingError as missing:
        refuse = pytest.fail if os.environ.get("CI") else pytest.skip
        refuse(str(missing))
    state = tmp_path_factory.mktemp("better-auth") / "tables"
    with BetterAuth(tokens.SECRET, state) as running:
        yield running
