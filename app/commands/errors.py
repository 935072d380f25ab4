"""Why a command stops."""


class CommandError(Exception):
    """The command cannot go on; the message says what happened and what to do."""


class UnreachableError(CommandError):
    """The database cannot be reached, so it is not known whether it is as it should be."""


class NotAllowedError(CommandError):
    """The login of the database lacks a right."""
