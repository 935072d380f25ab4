"""Folders as open descriptors, so that no other account can replace one between two uses.

If another account can change a folder of a path, the path can lead elsewhere at each use. A
descriptor cannot: what was checked once stays true. No function here follows a symbolic link unless
it belongs to root or to the account that Taskward runs as.
"""

import errno
import os
import pwd
import shutil
import stat
import weakref
from pathlib import Path

from .account import server_accounts
from .errors import EmbeddedPostgresError

_MAX_LINKS = 40
_MAX_BYTES = 65_536
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_DIRECTORY = os.O_DIRECTORY | os.O_NOFOLLOW
# Passing through a folder needs no permission to list it. Only Linux has a descriptor for that.
_PASSING = _DIRECTORY | getattr(os, "O_PATH", 0)
_MADE_HERE = frozenset({"lock", "secret"})


class Folder:
    """An open folder. Its files belong to its owner, and are never opened through a link."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        status = os.fstat(descriptor)
        self.owner, self.group = status.st_uid, status.st_gid
        weakref.finalize(self, os.close, descriptor)

    def open(self, name: str, flags: int) -> int:
        """Open a file. Raises `EmbeddedPostgresError` for a link, or a file of another account."""
        try:
            # Without O_NONBLOCK a named pipe would block until another process opens it.
            flags |= os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(name, flags, 0o600, dir_fd=self.descriptor)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise self._refused(name) from None
            error.filename = str(self.path / name)
            raise
        status = os.fstat(descriptor)
        # In another account's folder, a file of Taskward's could be a hard link by that account.
        ours = status.st_uid == os.geteuid() and status.st_nlink == 1
        if not stat.S_ISREG(status.st_mode) or not (ours or status.st_uid == self.owner):
            os.close(descriptor)
            raise self._refused(name)
        return descriptor

    def read(self, name: str) -> str | None:
        """Return the first 64 KiB of a file as text; None if there is no such file."""
        try:
            descriptor = self.open(name, os.O_RDONLY)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            return file.read(_MAX_BYTES).decode(errors="replace")

    def create(self, name: str) -> int:
        """Create a file of mode 0600, replacing any of that name; open it for writing."""
        self.remove(name)
        return self.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)

    def write(self, name: str, text: str) -> None:
        """Write a file of mode 0600, replacing any of that name."""
        with os.fdopen(self.create(name), "w") as file:
            file.write(text)

    def remove(self, name: str) -> None:
        """Remove a file or a link, if it exists."""
        try:
            os.unlink(name, dir_fd=self.descriptor)
        except FileNotFoundError:
            return
        except OSError as error:
            error.filename = str(self.path / name)
            raise

    def remove_folder(self, name: str) -> None:
        """Remove a folder and its contents, as far as possible."""
        shutil.rmtree(name, ignore_errors=True, dir_fd=self.descriptor)

    def make_folder(self, name: str) -> "Folder":
        """Create a folder of mode 0700."""
        os.mkdir(name, 0o700, dir_fd=self.descriptor)
        return Folder(self.path / name, os.open(name, _DIRECTORY, dir_fd=self.descriptor))

    def link_to(self, name: str) -> Path | None:
        """Return the target of a symbolic link; None if the name is not a link.

        Raises `EmbeddedPostgresError` for a link that belongs neither to root nor to Taskward.
        """
        before = self._status(name)
        if before is None or not stat.S_ISLNK(before.st_mode):
            return None
        target = os.readlink(name, dir_fd=self.descriptor)
        # The link can have been replaced and put back in between. A rename changes ctime.
        after = self._status(name)
        is_same = after and (after.st_ino, after.st_ctime_ns) == (before.st_ino, before.st_ctime_ns)
        if not is_same or before.st_uid not in (0, os.geteuid()):
            raise self._refused(name)
        return Path(target)

    def _status(self, name: str) -> os.stat_result | None:
        try:
            return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def _refused(self, name: str) -> EmbeddedPostgresError:
        return EmbeddedPostgresError(
            f"DATA_DIR: {self.path / name} is a symbolic link or belongs to another account. "
            "Remove it, or set DATA_DIR to a folder of your own."
        )


def open_folder(path: Path, *, within: Folder | None = None, make: bool = False) -> Folder:
    """Open a folder; with `make`, create the missing folders of its path.

    The path starts in the folder `within`, or in the current one. Raises `OSError` if it cannot be
    opened, and `EmbeddedPostgresError` if the path contains a link of another account.
    """
    here = within or _root()
    links, left = 0, list(reversed((path if within else Path.cwd() / path).parts))
    while left:
        name = left.pop()
        try:
            here = _root() if name == "/" else _enter(here, name, make=make)
        except NotADirectoryError:
            target = here.link_to(name)
            if target is None or links == _MAX_LINKS:
                raise
            links += 1
            left += reversed(target.parts)
    return Folder(here.path, os.open(".", _DIRECTORY, dir_fd=here.descriptor))


def _root() -> Folder:
    return Folder(Path("/"), os.open("/", _PASSING))


def _enter(here: Folder, name: str, *, make: bool) -> Folder:
    path = here.path.parent if name == ".." else here.path / name
    try:
        try:
            descriptor = os.open(name, _PASSING, dir_fd=here.descriptor)
        except FileNotFoundError:
            if not make:
                raise
            os.mkdir(name, 0o755, dir_fd=here.descriptor)
            descriptor = os.open(name, _PASSING, dir_fd=here.descriptor)
    except OSError as error:
        if error.errno == errno.ELOOP:  # for a link; other systems set ENOTDIR
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path) from None
        error.filename = str(path)
        raise
    return Folder(path, descriptor)


def open_data_folder(path: Path, *, make: bool = False) -> Folder:
    """Open a folder that only Taskward's account can write to, so that its contents are Taskward's.

    Raises as `open_folder`, and `EmbeddedPostgresError` for a folder that belongs to another
    account, or that others can write to. If Taskward created the folder under a permissive umask,
    the write permission of others is removed.
    """
    folder = open_folder(path, make=make)
    if folder.owner != os.geteuid():
        raise EmbeddedPostgresError(
            f"DATA_DIR: {folder.path} belongs to the account {_name(folder.owner)}, which can "
            "replace the files in it. Start Taskward as that account, or set DATA_DIR to a "
            "folder of your own."
        )
    mode = stat.S_IMODE(os.fstat(folder.descriptor).st_mode)
    if mode & _OTHERS_WRITE:
        if not mode & stat.S_ISVTX and _is_ours_alone(folder):
            os.fchmod(folder.descriptor, mode & ~_OTHERS_WRITE)
        # Check again, for files that were created before the permission was removed.
        if os.fstat(folder.descriptor).st_mode & _OTHERS_WRITE or not _is_ours_alone(folder):
            raise EmbeddedPostgresError(
                f"DATA_DIR: other accounts can write to {folder.path}. Set DATA_DIR to a "
                f"separate folder, such as {folder.path / 'taskward'}."
            )
    return folder


def _is_ours_alone(folder: Folder) -> bool:
    """Return whether a folder is empty, or Taskward created its contents."""
    with os.scandir(folder.descriptor) as listed:
        owners = {each.name: each.stat(follow_symlinks=False).st_uid for each in listed}
    ours = {os.geteuid(), *(account.uid for account in server_accounts())}
    return not owners or (ours.issuperset(owners.values()) and not _MADE_HERE.isdisjoint(owners))


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
