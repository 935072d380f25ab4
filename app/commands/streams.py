"""Standard input, output and error, where whoever has started this process has closed them."""

import os
import sys


def open_closed_streams() -> None:
    """Open nothing in their place: else the next socket would be taken for one of them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
