"""What a package hands over to the database: its tables, whose rows they hold, and who sees them.

The database knows roles, settings and policies, and names no table.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from .policies import PURGE_ROLE, ROLE

_OF_USERS = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})


class Expiry(NamedTuple):
    """How long a row is kept, counted from the time in a column. PostgreSQL keeps days apart."""

    column: str
    days: int = 0
    hours: int = 0

    @property
    def lifetime(self) -> timedelta:
        """Return how long a row is kept."""
        return timedelta(days=self.days, hours=self.hours)

    @property
    def condition(self) -> str:
        """Return the condition of the expired rows, as PostgreSQL prints it."""
        interval = f"{self.days} days" if self.days else f"{self.hours:02}:00:00"
        return f"({self.column} < (now() - '{interval}'::interval))"


class PurgeAccess(NamedTuple):
    """What the role that deletes expired rows of all users may do with a table.

    Privileges are PostgreSQL's, such as `DELETE` or `SELECT (id)`. Without an expiry, the role sees
    all rows.
    """

    privileges: AbstractSet[str]
    expiry: Expiry | None = None

    @property
    def policy(self) -> str:
        """Return the condition of the rows that the role sees, as PostgreSQL prints it."""
        return self.expiry.condition if self.expiry else "true"


class OwnedTable(NamedTuple):
    """A table with users' data.

    The revision of the migration that creates it, and columns and constraints that distinguish it
    from another program's table of the same name. Later migrations must keep these.
    """

    revision: str
    columns: AbstractSet[str]
    constraints: AbstractSet[str]
    purge: PurgeAccess | None = None


class Wall:
    """Every table that holds users' data, by its name, and the folder of its migrations.

    `users` is the table with a row for each user, and `user_key` its key. In every other table,
    `owner_column` names the user, and is a foreign key to `users`.
    """

    def __init__(
        self,
        tables: Mapping[str, OwnedTable],
        *,
        users: str,
        user_key: str,
        owner_column: str,
        migrations: Path,
    ) -> None:
        self.tables = tables
        self.users = users
        self.user_key = user_key
        self.owner_column = owner_column
        self.migrations = migrations

    @cached_property
    def owner_columns(self) -> Mapping[str, str]:
        """Return the column that names the user, by table."""
        columns = dict.fromkeys(self.tables, self.owner_column)
        return {**columns, self.users: self.user_key}

    @cached_property
    def head(self) -> str:
        """Return the revision that this version needs: that of the last migration."""
        names = [path.name for path in (self.migrations / "versions").glob("[0-9]*.py")]
        return max(names).partition("_")[0]

    def privileges(self, role: str, table: str) -> AbstractSet[str]:
        """Return what a role may do with a table."""
        purge = self.tables[table].purge
        of_purge = purge.privileges if purge else frozenset[str]()
        return {ROLE: _OF_USERS, PURGE_ROLE: of_purge}[role]
