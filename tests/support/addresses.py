"""The address of a database, at a port or at a socket, and its URL at another address."""

from typing import NamedTuple

from sqlalchemy import URL

from app.database.driver.url import DatabaseUrl


class Address(NamedTuple):
    """A host and a port. For a socket, `host` is its folder and `port` the number in its name."""

    host: str
    port: int

    @property
    def socket(self) -> str | None:
        """The path of the socket, or None for a port."""
        return f"{self.host}/.s.PGSQL.{self.port}" if self.host.startswith("/") else None


def address_of(url: DatabaseUrl) -> Address:
    """Return the address on which a database listens."""
    place = url.for_driver
    return Address(place.get("host") or "localhost", place.get("port") or 5432)


def moved(url: DatabaseUrl, host: str, port: int) -> URL:
    """Return the URL of the same database at another host and port."""
    bare = url.for_sqlalchemy.difference_update_query(("host", "port"))
    return bare.set(drivername="postgresql", host=host, port=port)
