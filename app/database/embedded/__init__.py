"""The embedded database: a private PostgreSQL, from binaries that come with the dependencies."""

from app.database.embedded.errors import EmbeddedPostgresError
from app.database.embedded.server import EmbeddedPostgres, attach, start

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "attach", "start"]
