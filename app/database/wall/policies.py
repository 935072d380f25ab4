"""The second wall: PostgreSQL shows a transaction the rows of the one user that it names.

Row-level security compares the owner of each row with a setting, and binds a statement whatever
the role that logged in may do, because the statement runs as a role that may nothing else.
Another role may drop what has expired, of all users, and sees nothing but that.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import NamedTuple

ROLE = "taskward_app"
PURGE_ROLE = "taskward_purge"
ROLES = (ROLE, PURGE_ROLE)
SETTING = "app.user_id"
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
LOCK_WAIT_MS = 3000
"""How long a user's statement waits for a lock: it has a connection, which others wait for."""
HOUSEKEEPING_LOCK_WAIT_MS = 200
"""How long housekeeping waits for a lock before it leaves a user for later."""
HOUSEKEEPING_STATEMENT_MS = 5000
"""How long a statement of housekeeping may take; its portions are made to take much less."""
PROPAGATION = "citus.propagate_set_commands = 'local'"
LOCAL_SETTINGS = {"max_parallel_workers_per_gather": "0"}
"""A user's statement takes one process of PostgreSQL, however large the user's data is."""

OWNER_COLUMNS = {
    "users": "id",
    "tasks": "user_id",
    "idempotency_keys": "user_id",
    "tombstones": "user_id",
    "erasures": "user_id",
}
"""Every table that holds a user's data, and the column that names the user."""

POLICY = f"( SELECT NULLIF(current_setting('{SETTING}'::text, true), ''::text) AS \"nullif\")"
"""What the owner must be equal to, as PostgreSQL prints it."""

PURGE_POLICIES = {
    "users": "true",
    "idempotency_keys": "(created_at < (now() - '24:00:00'::interval))",
    "tombstones": "(deleted_at < (now() - '30 days'::interval))",
    "erasures": "true",
}
"""The rows that may be purged, and of users and erasures all, as PostgreSQL prints it."""

_OF_USERS = ("SELECT (id)", "SELECT (feed_floor)", "UPDATE (feed_floor)")
PRIVILEGES: Mapping[str, Mapping[str, AbstractSet[str]]] = {
    ROLE: {key: {"SELECT", "INSERT", "UPDATE", "DELETE"} for key in OWNER_COLUMNS},
    PURGE_ROLE: {
        "users": {*_OF_USERS},
        "idempotency_keys": {"SELECT", "DELETE"},
        "tombstones": {"SELECT", "DELETE"},
        "erasures": {"SELECT"},
    },
}
"""What each role may do on each table, and in which columns; on others nothing."""


_NO_SETTINGS: Mapping[str, object] = MappingProxyType({})


class Wall(NamedTuple):
    """What the owner must be equal to in each policy, and what each role may do on each table."""

    policy: str
    privileges: Mapping[str, Mapping[str, AbstractSet[str]]]


PLAIN = Wall(POLICY, PRIVILEGES)
DISTRIBUTED = Wall(
    f"NULLIF(current_setting('{SETTING}'::text, true), ''::text)",
    {
        **PRIVILEGES,
        PURGE_ROLE: {**PRIVILEGES[PURGE_ROLE], "users": {*_OF_USERS, "SELECT", "UPDATE"}},
    },
)
"""Where the tables are distributed: Citus takes no policy with a query in it, and passes on no
privilege for a column."""


def prelude(
    user_id: str,
    *,
    locking: bool = False,
    distributed: bool = False,
    settings: Mapping[str, object] = _NO_SETTINGS,
) -> str:
    """The SQL that begins a transaction of `user_id`, in one round trip.

    The protocol takes several commands at once only without parameters, so the id is written
    into them: character by character as its code point, which leaves nothing to escape from.
    With `locking` the user's row is locked, if there is one: other changes of this user wait.
    `settings` hold for the transaction; their values must be constants of this program.
    The statements are made for the isolation that is named, whatever a database's default is. Where
    the tables are `distributed`, Citus says the same on the machine that has the user's rows.
    """
    owner = _literal(user_id)
    naming = f"SET LOCAL {SETTING} = {owner}"
    commands = f"SET LOCAL ROLE {ROLE}; {naming}; SET LOCAL lock_timeout = {LOCK_WAIT_MS}"
    commands += "".join(f"; SET LOCAL {name} = {value}" for name, value in settings.items())
    commands = f"{BEGIN}; {_propagated(commands, distributed=distributed)}"
    if locking:
        commands += f"; SELECT FROM users WHERE id = {owner} FOR NO KEY UPDATE"
    return commands


def housekeeping_prelude(role: str, user_id: str | None, *, distributed: bool) -> str:
    """Return the SQL that begins a transaction of housekeeping, as one of the roles.

    The role of users sees the rows of `user_id`. The time limits are short, so that a request
    waits for no more than that where it needs a row that is being deleted.
    """
    commands = f"SET LOCAL ROLE {role}; SET LOCAL lock_timeout = {HOUSEKEEPING_LOCK_WAIT_MS}"
    commands += f"; SET LOCAL statement_timeout = {HOUSEKEEPING_STATEMENT_MS}"
    commands += f"; SET LOCAL idle_in_transaction_session_timeout = {HOUSEKEEPING_STATEMENT_MS}"
    if user_id is not None:
        commands += f"; SET LOCAL {SETTING} = {_literal(user_id)}"
    return f"{BEGIN}; {_propagated(commands, distributed=distributed)}"


def _literal(user_id: str) -> str:
    escaped = "".join(f"\\U{ord(character):08X}" for character in user_id)
    return f"E'{escaped}'"


def _propagated(commands: str, *, distributed: bool) -> str:
    if not distributed:
        return commands
    # It repeats all that the command was sent with, and in a block that is the command alone.
    return f"DO $$ BEGIN SET LOCAL {PROPAGATION}; {commands}; END $$"
