"""Database URLs, as providers print them, in the terms of the driver."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.exc import ArgumentError

_DRIVER = "postgresql+asyncpg"
_SCHEMES = ("postgres", "postgresql", _DRIVER)
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


@dataclass(frozen=True, repr=False)
class DatabaseUrl:
    """A PostgreSQL URL. Raises `ValueError` where it is none; it never shows its password."""

    text: str

    def __post_init__(self) -> None:
        if self._url.drivername not in _SCHEMES:
            raise ValueError("must begin with postgresql:// or postgres://")
        if not self._url.database:
            raise ValueError("must name a database")
        if self._ssl_mode not in (*_SSL_MODES, None):
            raise ValueError(f"sslmode must be one of {', '.join(_SSL_MODES)}")

    def __str__(self) -> str:
        return self._url.render_as_string(hide_password=True)

    __repr__ = __str__

    @property
    def for_sqlalchemy(self) -> URL:
        """The URL without the parameters of libpq, which the driver does not know."""
        url = self._url.set(drivername=_DRIVER)
        return url.difference_update_query(["sslmode", "channel_binding"])

    @property
    def leads_to_pooler(self) -> bool:
        """Whether its host is one of Neon's that give each transaction another connection."""
        return (self._url.host or "").partition(".")[0].endswith("-pooler")

    @property
    def for_driver(self) -> dict[str, Any]:
        """What the driver itself is to be told."""
        dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # SQLAlchemy's
        create: Callable[[URL], tuple[Any, dict[str, Any]]] = dialect.create_connect_args
        _, arguments = create(self.for_sqlalchemy)
        of_sqlalchemy = {"prepared_statement_cache_size", "prepared_statement_name_func"}
        known = {name: arguments[name] for name in arguments.keys() - of_sqlalchemy}
        return {**known, **self.connect_arguments}

    @property
    def connect_arguments(self) -> dict[str, str]:
        """What the URL says in terms of libpq, in those of the driver."""
        return {"ssl": self._ssl_mode} if self._ssl_mode else {}

    @cached_property
    def _url(self) -> URL:
        try:
            return make_url(self.text)
        except (ArgumentError, ValueError):
            raise ValueError("is not a URL") from None

    @property
    def _ssl_mode(self) -> str | None:
        mode = self._url.query.get("sslmode")
        return mode if isinstance(mode, str) or mode is None else mode[-1]
