"""`serve`: production. It refuses to start on anything that is not as it should be."""

import gc

from app import create_app
from app.commands.errors import CommandError
from app.commands.interruption import Interruption
from app.commands.migrate import migrate_database, require_isolation, require_schema
from app.commands.purge import purge_in_background
from app.commands.surroundings import server_database
from app.server.run import listen, run
from app.settings import Settings


def serve(settings: Settings, interruption: Interruption) -> None:
    """Serve under Hypercorn.

    Raises `CommandError` without a key to verify tokens with, and where isolation would not hold.
    """
    if settings.better_auth_secret is None and settings.jwks_url is None:
        raise CommandError(
            "there is no key to verify tokens with: set JWKS_URL to where your issuer publishes "
            "its keys, or BETTER_AUTH_SECRET to its secret (at least 32 bytes)"
        )
    with server_database(settings) as complete:
        if complete.migrate_on_start:
            migrate_database(complete)
        else:
            require_schema(complete)
        require_isolation(complete)
        app, listener = create_app(complete), listen(complete.bind)
        purge_in_background(app)
        interruption.check()
        # What is there by now stays: to look through it for garbage takes 50 ms each time.
        gc.collect()
        gc.freeze()
        run(app, listener)
