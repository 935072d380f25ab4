"""How the tables are stored, and what SQL depends on it: here, all on one PostgreSQL."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import MappingProxyType

from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from .policies import (
    BEGIN,
    HOUSEKEEPING_LOCK_WAIT_MS,
    HOUSEKEEPING_STATEMENT_MS,
    LOCK_WAIT_MS,
    ROLE,
    SETTING,
)
from .tables import Wall

_NO_SETTINGS: Mapping[str, object] = MappingProxyType({})


class Layout:
    """All tables are on one PostgreSQL. `CitusLayout` is the other layout."""

    policy = f"( SELECT NULLIF(current_setting('{SETTING}'::text, true), ''::text) AS \"nullif\")"
    """The expression that the owner must equal in each policy, as PostgreSQL prints it."""
    is_distributed = False
    """Whether each statement of a user needs a transaction that sets the owner first."""
    dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # SQLAlchemy's
    """The dialect of users' statements."""

    def privileges(self, privileges: AbstractSet[str]) -> AbstractSet[str]:
        """Return the privileges that a role needs where the wall gives it these."""
        return privileges

    def local(self, commands: Sequence[str]) -> str:
        """Return the SQL for settings that apply until the end of a transaction."""
        return "; ".join(commands)

    def begin(
        self,
        user_id: str,
        *,
        locking: Wall | None = None,
        settings: Mapping[str, object] = _NO_SETTINGS,
    ) -> str:
        """Return the SQL that begins a transaction of `user_id`, in one round trip.

        The protocol allows several commands in one message only without parameters, so the id is
        part of the SQL. Each character is written as its code point, so nothing needs escaping.
        With `locking` the user's row is locked if it exists, and other changes of this user wait.
        `settings` apply to the transaction; their values must be constants of this program. BEGIN
        names the isolation level that the statements need, because the default of the database may
        differ.
        """
        owner = _literal(user_id)
        commands = [
            f"SET LOCAL ROLE {ROLE}",
            f"SET LOCAL {SETTING} = {owner}",
            f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}",
            *(f"SET LOCAL {name} = {value}" for name, value in settings.items()),
        ]
        sql = f"{BEGIN}; {self.local(commands)}"
        if locking is not None:
            row = f"{locking.users} WHERE {locking.user_key} = {owner}"
            sql += f"; SELECT FROM {row} FOR NO KEY UPDATE"
        return sql

    def begin_housekeeping(self, role: str, user_id: str | None) -> str:
        """Return the SQL that begins a transaction of housekeeping, as one of the roles.

        The role of users sees the rows of `user_id`. The time limits are short, because a request
        may wait that long for a row that is being deleted.
        """
        commands = [
            f"SET LOCAL ROLE {role}",
            f"SET LOCAL lock_timeout = {HOUSEKEEPING_LOCK_WAIT_MS}",
            f"SET LOCAL statement_timeout = {HOUSEKEEPING_STATEMENT_MS}",
            f"SET LOCAL idle_in_transaction_session_timeout = {HOUSEKEEPING_STATEMENT_MS}",
        ]
        if user_id is not None:
            commands.append(f"SET LOCAL {SETTING} = {_literal(user_id)}")
        return f"{BEGIN}; {self.local(commands)}"


ONE_POSTGRESQL = Layout()


def _literal(user_id: str) -> str:
    escaped = "".join(f"\\U{ord(character):08X}" for character in user_id)
    return f"E'{escaped}'"
