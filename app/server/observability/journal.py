"""Priorities of log lines, as the journal of systemd reads them: sd-daemon(3)."""

import os
from typing import TextIO

_PRIORITIES = {"critical": 2, "error": 3, "exception": 3, "warning": 4, "info": 6, "debug": 7}


def leads_to_journal(stream: TextIO) -> bool:
    """Return whether the journal reads a stream: see `JOURNAL_STREAM` in systemd.exec(5)."""
    journal = os.environ.get("JOURNAL_STREAM")
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # closed, or not a file
        return False
    return journal == f"{status.st_dev}:{status.st_ino}"


def with_priority(level: str, text: str) -> str:
    """Return the text with the priority of its level before each line, for the journal."""
    prefix = f"<{_PRIORITIES.get(level, 6)}>"
    return prefix + text.replace("\n", f"\n{prefix}")
