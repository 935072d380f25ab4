"""`restored`: run it after restoring a backup, before Taskward serves the database."""

from ..settings import Settings
from ..tasks.epochs import reset_epochs
from .errors import CommandError, NotAllowedError
from .migrate import require_schema
from .misspellings import check_names
from .on_database import with_database
from .resolve import any_database


def restored_command(settings: Settings) -> None:
    """Make every client resync from scratch, and print the number of users.

    Raises `CommandError` if the database has no users, or if the login does not own the tables.
    """
    check_names(settings)
    with any_database(settings) as resolved:
        require_schema(resolved)
        try:
            count = with_database(resolved, reset_epochs)
        except NotAllowedError:
            raise CommandError(
                "the login does not own the tables. Set DATABASE_URL to the login that migrates."
            ) from None
    if count == 0:
        raise CommandError(
            "the database has no users. Check that you restored the backup into this database."
        )
    print(f"The clients of {count} users will resync from scratch.")
