"""Why a command stops."""


class CommandError(Exception):
    """The command cannot go on; the message says what happened and what to do."""
