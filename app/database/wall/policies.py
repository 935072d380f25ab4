"""The second wall: PostgreSQL shows a transaction only the rows of the user that it names.

Row-level security compares the owner of each row with a setting. It applies whatever the login may
do, because statements run as a role with no other privileges. Another role deletes expired rows of
all users, and sees no other rows.
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
"""Milliseconds that a user's statement waits for a lock. It occupies a connection until then."""
HOUSEKEEPING_LOCK_WAIT_MS = 200
"""Milliseconds that housekeeping waits for a lock before it leaves a user for later."""
HOUSEKEEPING_STATEMENT_MS = 5000
"""Milliseconds that a statement of housekeeping may take; its portions take far less."""
PROPAGATION = "citus.propagate_set_commands = 'local'"
LOCAL_SETTINGS = {"max_parallel_workers_per_gather": "0"}
"""A user's statement uses one process of PostgreSQL, however large the user's data is."""

OWNER_COLUMNS = {
    "users": "id",
    "tasks": "user_id",
    "idempotency_keys": "user_id",
    "tombstones": "user_id",
    "erasures": "user_id",
}
"""Every table that holds a user's data, and the column that names the user."""

POLICY = f"( SELECT NULLIF(current_setting('{SETTING}'::text, true), ''::text) AS \"nullif\")"
"""The expression that the owner must equal, as PostgreSQL prints it."""

PURGE_POLICIES = {
    "users": "true",
    "idempotency_keys": "(created_at < (now() - '24:00:00'::interval))",
    "tombstones": "(deleted_at < (now() - '30 days'::interval))",
    "erasures": "true",
}
"""The condition of the rows that may be purged, as PostgreSQL prints it. `true` shows all rows."""

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
"""The privileges of each role on each table or its columns. On other tables it has none."""


_NO_SETTINGS: Mapping[str, object] = MappingProxyType({})


class Wall(NamedTuple):
    """The expression that the owner must equal in policies, and privileges by role and table."""

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
"""The wall of distributed tables.

Citus supports no policy with a subquery, and does not pass on privileges on columns.
"""


def prelude(
    user_id: str,
    *,
    locking: bool = False,
    distributed: bool = False,
    settings: Mapping[str, object] = _NO_SETTINGS,
) -> str:
    """Return the SQL that begins a transaction of `user_id`, in one round trip.

    The protocol allows several commands in one message only without parameters, so the id is part
    of the SQL. Each character is written as its code point, so nothing needs escaping. With
    `locking` the user's row is locked if it exists, and other changes of this user wait. `settings`
    apply to the transaction; their values must be constants of this program. BEGIN names the
    isolation level that the statements need, because the default of the database may differ. With
    `distributed`, Citus sets the same on the machine with the user's rows.
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

    The role of users sees the rows of `user_id`. The time limits are short, because a request may
    wait that long for a row that is being deleted.
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
    # Citus repeats the whole message on the other machine; with a block, that is this command.
    return f"DO $$ BEGIN SET LOCAL {PROPAGATION}; {commands}; END $$"
