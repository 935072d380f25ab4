"""Make every client resync from scratch after a backup was restored.

Clients may have change tokens and revisions from after the backup. Without a reset, new changes
would reuse those revisions for other versions.
"""

from sqlalchemy import case, func, text, update

from ..database.database import Database
from .models import users

SKIPPED_REVISIONS = 1_000_000_000
"""More than a user can have used since a backup.

A revision is an exact integer in JSON up to 2^53, which leaves room for millions of restorations.
"""

# No server runs during the reset, but an autovacuum may hold a lock. Wait for it.
_WAIT = text("SET LOCAL lock_timeout = '10s'")
# The policies apply to the table's owner, too, and no setting lets the owner see all users. So the
# reset lifts them. The table is locked until they apply again, so no other session can use that.
_UNBIND = text("ALTER TABLE users NO FORCE ROW LEVEL SECURITY")
_BIND = text("ALTER TABLE users FORCE ROW LEVEL SECURITY")
_SKIPPED = users.c.revision + SKIPPED_REVISIONS
_RESET = update(users).values(
    epoch=func.gen_random_uuid(),
    revision=_SKIPPED,
    # Equal revisions mean that nothing has happened since an erasure. Keep them equal.
    erased_revision=case(
        (users.c.erased_revision == users.c.revision, _SKIPPED), else_=users.c.erased_revision
    ),
)


async def reset_epochs(database: Database) -> int:
    """Give every user a new epoch and unused revisions. Return the number of users.

    Raises `DatabaseUnavailableError`. The login must own the tables. The login that migrated the
    database does.
    """
    async with database.maintenance_connection() as connection, connection.begin():
        await connection.execute(_WAIT)
        await connection.execute(_UNBIND)
        updated = await connection.execute(_RESET)
        await connection.execute(_BIND)
    return updated.rowcount
