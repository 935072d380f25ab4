"""`restored`: run it after restoring a backup, before Taskward serves the database."""

from app.commands.errors import CommandError, NotAllowedError
from app.commands.migrate import require_schema
from app.commands.misspellings import check_names
from app.commands.on_database import with_database
from app.commands.resolve import any_database
from app.settings import Settings
from app.tasks.epochs import reset_epochs


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
