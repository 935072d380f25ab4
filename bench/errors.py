"""The error of the benchmark."""


class BenchError(Exception):
    """The benchmark cannot continue; the message gives the reason."""
