"""The embedded database: a private PostgreSQL, from binaries that come with the dependencies."""

from .errors import EmbeddedPostgresError
from .location import version_of_binaries
from .server import EmbeddedPostgres, attach, start

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "attach", "start", "version_of_binaries"]
