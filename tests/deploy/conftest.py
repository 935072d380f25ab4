"""Fixtures shared with the tests of commands."""

from tests.commands.conftest import taskward

__all__ = ["taskward"]
