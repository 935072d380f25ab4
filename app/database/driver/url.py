"""Database URLs, as providers print them, translated for the driver."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlsplit

from sqlalchemy import URL, make_url
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.exc import ArgumentError

from .parameters import driver_arguments

_DRIVER = "postgresql+asyncpg"
_SCHEMES = ("postgres", "postgresql", _DRIVER)
_HOST_AND_PORT = {"host", "port"}
_MOVED = ("user", "password", "dbname")
_POOLER_OF_SUPABASE = 6543
_USUAL_PORT = 5432
_LAST_PORT = 65535
_PORT = re.compile(r":[^:\]]+$")


@dataclass(frozen=True, repr=False)
class DatabaseUrl:
    """A PostgreSQL URL. Raises `ValueError` for an invalid one. Its `str` hides the password."""

    text: str

    def __post_init__(self) -> None:
        if self._url.drivername not in _SCHEMES:
            raise ValueError("must start with postgresql:// or postgres://")
        if not self._url.database:
            raise ValueError("must include a database name")
        _check_hosts(self._driver_arguments())

    def __str__(self) -> str:
        # Leave out the parameters: one of them can be the password of a key.
        place = self._url.difference_update_query(self._parameters)
        return place.render_as_string(hide_password=True)

    __repr__ = __str__

    @property
    def for_sqlalchemy(self) -> URL:
        """Return the URL without libpq's parameters, which SQLAlchemy does not support."""
        return self._url.set(drivername=_DRIVER).difference_update_query(self._parameters)

    @property
    def leads_to_pooler(self) -> bool:
        """Return whether the URL leads to a known pooler.

        A pooler can give each transaction another connection. Supabase's session pooler, on another
        port, keeps connections but not the role that they start with, so it counts too.
        """
        host = self._url.host or ""
        return (
            self._parameters.get("pgbouncer") == "true"
            or host.partition(".")[0].endswith("-pooler")  # Neon's
            or host.endswith(".pooler.supabase.com")
            or (host.endswith(".supabase.co") and self._url.port == _POOLER_OF_SUPABASE)
        )

    @property
    def for_driver(self) -> dict[str, Any]:
        """Return all arguments of `asyncpg.connect`."""
        dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # SQLAlchemy's
        create: Callable[[URL], tuple[Any, dict[str, Any]]] = dialect.create_connect_args
        _, arguments = create(self.for_sqlalchemy)
        return {**arguments, **self.connect_arguments}

    def _driver_arguments(self) -> dict[str, Any]:
        try:
            return self.for_driver
        except ArgumentError:  # its message could quote a password that is not percent-encoded
            raise ValueError(
                "has hosts and ports that do not match. Write HOST:PORT for each host."
            ) from None

    @property
    def connect_arguments(self) -> dict[str, Any]:
        """Return the driver's arguments for libpq's parameters of the URL."""
        return driver_arguments(self._parameters)

    @cached_property
    def _url(self) -> URL:
        _check_password(self.text)
        try:
            url = make_url(_with_hosts_apart(self.text))
        except (ArgumentError, ValueError):
            raise ValueError("is not a URL") from None
        moved = {name: _last(url.query[name]) for name in _MOVED if name in url.query}
        return url.set(
            username=moved.get("user"),
            password=moved.get("password"),
            database=moved.get("dbname"),
        ).difference_update_query(_MOVED)

    @property
    def _parameters(self) -> Mapping[str, str]:
        query = self._url.query
        return {name: _last(query[name]) for name in query if name not in _HOST_AND_PORT}


def _last(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else value[-1]


def _check_hosts(arguments: Mapping[str, Any]) -> None:
    hosts, ports = (_listed(arguments.get(name)) for name in ("host", "port"))
    if any(not 0 < port <= _LAST_PORT for port in ports):
        raise ValueError(f"must have a port from 1 to {_LAST_PORT}")
    try:
        for host in hosts:
            if not host.startswith("/"):  # the folder of a Unix socket
                host.encode("idna")
    except UnicodeError:
        raise ValueError("has an invalid host name") from None


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - a string, a number, or a list of them
    return value if isinstance(value, list) else [] if value is None else [value]


def _check_password(text: str) -> None:
    """Reject a URL that special characters in its password split wrongly; quote none of it."""
    scheme, _, rest = text.partition("://")
    login, at, _ = rest.rpartition("@")
    before_query = "?" not in login or "/" not in login.partition("?")[0]
    if scheme in _SCHEMES and at and before_query and re.search("[@/?#\\[\\]]", login):
        raise ValueError(
            "has a password (or user) with special characters. Write them percent-encoded, such "
            "as @ as %40, / as %2F, # as %23."
        )


def _with_hosts_apart(text: str) -> str:
    """Rewrite several hosts, which libpq separates by commas, as parameters for SQLAlchemy."""
    parts = urlsplit(text)
    login, at, place = parts.netloc.rpartition("@")
    if place.lower().startswith("%2f"):  # the folder of a Unix socket, in libpq's form
        folder, _, port = place.partition(":")
        place = f"host={folder}" + (f"&port={port}" if port else "")
        query = f"{place}&{parts.query}" if parts.query else place
        return f"{parts.scheme}://{login}{at}{parts.path}?{query}"
    if "," not in place:
        return text
    each_host = [each.removesuffix(":") for each in place.split(",") if each]
    if any(_PORT.search(each) for each in each_host):  # SQLAlchemy needs all of them then
        each_host = [each if _PORT.search(each) else f"{each}:{_USUAL_PORT}" for each in each_host]
    hosts = "&".join(f"host={quote(each, safe=':')}" for each in each_host)
    query = f"{hosts}&{parts.query}" if parts.query else hosts
    return f"{parts.scheme}://{login}{at}{parts.path}?{query}"
