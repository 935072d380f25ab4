"""Makes every client begin anew, once a backup was restored.

What clients have from after the backup, change tokens and revisions, would else come to mean other
versions as soon as there are new changes.
"""

from sqlalchemy import case, func, text, update

from app.database.database import Database
from app.tasks.models import users

SKIPPED_REVISIONS = 1_000_000_000
"""More than a user can have used since a backup; JSON has room for millions of restored ones."""

# Nobody serves meanwhile, but an autovacuum is to be waited for.
_WAIT = text("SET LOCAL lock_timeout = '10s'")
# An owner of the table is bound by its policies, too, and no setting lets it see all users. The
# table is locked meanwhile, so that nobody else sees it unbound.
_UNBIND = text("ALTER TABLE users NO FORCE ROW LEVEL SECURITY")
_BIND = text("ALTER TABLE users FORCE ROW LEVEL SECURITY")
_SKIPPED = users.c.revision + SKIPPED_REVISIONS
_RENEW = update(users).values(
    epoch=func.gen_random_uuid(),
    revision=_SKIPPED,
    # Equal, they say that nothing has happened since an erasure; they stay so.
    erased_revision=case(
        (users.c.erased_revision == users.c.revision, _SKIPPED), else_=users.c.erased_revision
    ),
)


async def renew(database: Database) -> int:
    """Begin another life of every user, with revisions that nobody has seen; answer how many.

    Raises `DatabaseUnavailableError`. The login must own the tables, as it does where it has
    migrated them.
    """
    async with database.unhurried() as connection, connection.begin():
        await connection.execute(_WAIT)
        await connection.execute(_UNBIND)
        renewed = await connection.execute(_RENEW)
        await connection.execute(_BIND)
    return renewed.rowcount
