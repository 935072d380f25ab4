"""The second wall: PostgreSQL shows a transaction only the rows of the user that it names.

Row-level security compares the owner of each row with a setting. It applies whatever the login may
do, because statements run as a role with no other privileges. Another role deletes expired rows of
all users, and sees no other rows.
"""

ROLE = "taskward_app"
PURGE_ROLE = "taskward_purge"
ROLES = (ROLE, PURGE_ROLE)
SETTING = "app.user_id"
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
LOCK_WAIT_MS = 3000
"""Milliseconds that a user's statement waits for a lock. It occupies a connection until then."""
HOUSEKEEPING_LOCK_WAIT_MS = 200
"""Milliseconds that housekeeping waits for a lock before it leaves a user for later."""
HOUSEKEEPING_STATEMENT_MS = 5000
"""Milliseconds that a statement of housekeeping may take; its portions take far less."""
LOCAL_SETTINGS = {"max_parallel_workers_per_gather": "0"}
"""A user's statement uses one process of PostgreSQL, however large the user's data is."""
