"""The account that the processes of PostgreSQL run as."""

import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ACCOUNTS = ("postgres", "nobody")
"""The accounts that run PostgreSQL for root, in this order: PostgreSQL refuses to run as root."""


class Account(NamedTuple):
    """The user and group id of the processes of PostgreSQL."""

    uid: int
    gid: int

    @property
    def options(self) -> dict[str, Any]:
        """Return the arguments of `subprocess` that start a process as this account."""
        if os.geteuid() == self.uid:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_enter(self, folder: Path) -> bool:
        """Return whether the account can enter a folder, by trying."""
        command = ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)]
        attempt = subprocess.run(command, cwd="/", capture_output=True, check=False, **self.options)
        return attempt.returncode == 0


def server_accounts() -> Iterator[Account]:
    """Yield the accounts of `ACCOUNTS` that exist on this machine."""
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        yield Account(entry.pw_uid, entry.pw_gid)
