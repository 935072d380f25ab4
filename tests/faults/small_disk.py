"""A program that runs a command with a small disk. It imports nothing of Taskward.

`small_disk.py FOLDER MEGABYTES UID GID COMMAND…` mounts a file system of that size over the folder,
for the command alone. It disappears with the command's last process. Root may mount it; other
accounts do so in a user namespace, if the system allows that. Otherwise the command runs without
it.
"""

import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000

libc = ctypes.CDLL(None, use_errno=True)


def main(folder: str, megabytes: str, uid: str, gid: str, *command: str) -> None:
    """Mount the disk, switch to the account, and run the command in place of this program."""
    account = int(uid), int(gid)
    try:
        mount(folder, f"size={megabytes}m,mode=700,uid={uid},gid={gid}", account)
    except (OSError, AttributeError) as error:  # not Linux: these functions do not exist
        sys.stderr.write(f"there is no small disk: {error}\n")
    if os.geteuid() != account[0]:
        os.setgroups([])
        os.setgid(account[1])
        os.setuid(account[0])
    os.execv(command[0], command)  # noqa: S606 - the purpose of this program


def mount(folder: str, options: str, account: tuple[int, int]) -> None:
    """Mount the disk over the folder, for this process and its children."""
    if os.geteuid() == 0:
        check(libc.unshare(CLONE_NEWNS))
    else:
        check(libc.unshare(CLONE_NEWNS | CLONE_NEWUSER))
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{account[0]} {account[0]} 1")
        Path("/proc/self/gid_map").write_text(f"{account[1]} {account[1]} 1")
    check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    check(libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, options.encode()))


def check(result: int) -> None:
    """Raise `OSError` if a call of the C library has failed."""
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    main(*sys.argv[1:])
