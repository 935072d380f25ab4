"""`reload`: replaces the workers of a running server, and waits for the outcome."""

from ..server.workers.reload_socket import ReloadSocketError, request_reload
from .errors import CommandError


def reload_command() -> None:
    """Reload the server of this service. Raises `CommandError` if that fails."""
    try:
        failure = request_reload()
    except ReloadSocketError as error:
        raise CommandError(str(error)) from None
    if failure is not None:
        raise CommandError(f"the reload failed: {failure}")
    print("All workers were replaced.")
