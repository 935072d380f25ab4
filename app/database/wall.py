"""The second wall: PostgreSQL shows a transaction the rows of the one user that it names.

Row-level security compares the owner of each row with a setting, and binds a statement whatever
the role that logged in may do, because the statement runs as a role that may nothing else.
Another role may drop what has expired, of all users, and sees nothing but that.
"""

ROLE = "taskward_app"
PURGE_ROLE = "taskward_purge"
ROLES = (ROLE, PURGE_ROLE)
SETTING = "app.user_id"
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"

OWNER_COLUMNS = {
    "users": "id",
    "tasks": "user_id",
    "idempotency_keys": "user_id",
    "tombstones": "user_id",
}
"""Every table that holds a user's data, and the column that names the user."""

POLICY = f"( SELECT NULLIF(current_setting('{SETTING}'::text, true), ''::text) AS \"nullif\")"
"""What the owner must be equal to, as PostgreSQL prints it."""

PURGE_POLICIES = {
    "users": "true",
    "idempotency_keys": "(created_at < (now() - '24:00:00'::interval))",
    "tombstones": "(deleted_at < (now() - '30 days'::interval))",
}
"""The rows that may be purged, and of users all, as PostgreSQL prints it."""

PRIVILEGES = {
    ROLE: {key: {"SELECT", "INSERT", "UPDATE", "DELETE"} for key in OWNER_COLUMNS},
    PURGE_ROLE: {
        "users": {"SELECT (id)", "SELECT (feed_floor)", "UPDATE (feed_floor)"},
        "idempotency_keys": {"SELECT", "DELETE"},
        "tombstones": {"SELECT", "DELETE"},
    },
}
"""What each role may do on each table, and in which columns; on others nothing."""


def prelude(user_id: str, *, locking: bool = False) -> str:
    """The SQL that begins a transaction of `user_id`, in one round trip.

    The protocol takes several commands at once only without parameters, so the id is written
    into them: character by character as its code point, which leaves nothing to escape from.
    With `locking` the user's row is locked, if there is one: other changes of this user wait.
    The statements are made for the isolation that is named, whatever a database's default is.
    """
    escaped = "".join(f"\\U{ord(character):08X}" for character in user_id)
    commands = f"{BEGIN}; SET LOCAL ROLE {ROLE}; SET LOCAL {SETTING} = E'{escaped}'"
    if locking:
        commands += f"; SELECT FROM users WHERE id = E'{escaped}' FOR NO KEY UPDATE"
    return commands
