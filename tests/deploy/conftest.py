"""Fixtures that tests of commands have, too."""

from tests.commands.conftest import taskward

__all__ = ["taskward"]
