"""Errors of requests that cannot wait, and of signals between processes."""


class TooManyWaitingError(Exception):
    """The user, or this process, has the maximum number of waiting requests."""


class LinkLostError(Exception):
    """The connection to the other processes is lost. The message says why, for the log."""
