"""The choice of what carries signals between processes."""

from ..database.database import Database
from .links import Link
from .postgres_link import PostgresLink


def link_of(database: Database, redis_url: str | None, pooler: bool) -> Link | None:
    """Return Redis if there is one, otherwise LISTEN; nothing behind a pooler, which loses it."""
    if redis_url is not None:
        # Optional dependency: import it only when Redis is configured.
        from .redis_link import RedisLink  # noqa: PLC0415

        return RedisLink(redis_url)
    return None if pooler else PostgresLink(database)
