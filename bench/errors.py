"""Why there is no result."""


class BenchError(Exception):
    """The benchmark cannot go on; the message says why."""
