"""Standard streams that the parent process has closed."""

import os
import sys


def open_closed_streams() -> None:
    """Open the null device in place of closed streams.

    Otherwise the next socket would get the number of one of them.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
