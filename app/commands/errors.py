"""Errors that stop a command."""


class CommandError(Exception):
    """The command cannot continue; the message gives the reason and what to do."""


class UnreachableError(CommandError):
    """The database is unreachable, so its state is unknown."""


class NotAllowedError(CommandError):
    """The login lacks a privilege on the database."""
