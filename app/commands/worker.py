"""Serving of requests: in the process of `serve` itself, or in a worker that it starts."""

import asyncio
import gc
import json
import signal
import sys
from collections.abc import Callable
from functools import partial

import structlog

from .. import create_app
from ..server.background import in_background
from ..server.http.application import Application
from ..server.http.listener import Listener, listen
from ..server.http.run import run
from ..server.lifecycle import Lifecycle
from ..server.observability.logs import configure_logs
from ..server.workers.heartbeat import SupervisorChannel
from ..server.workers.supervisor import ConfigReloadError
from ..settings import Settings, SettingsError, read_files, read_settings
from .errors import UnreachableError
from .migrate import prepare_database
from .purge import purge_in_background
from .reporting import reporting

logger = structlog.get_logger("app.workers")


def serve_app(
    app: Application,
    listener: Listener,
    drain_seconds: float = 0,
    stopping: Callable[[signal.Signals], None] = lambda _: None,
) -> None:
    """Serve and purge until SIGINT or SIGTERM, and drain before the end: see `stop_signal`."""
    purge_in_background(app)
    # Keep the objects that exist by now out of collections, each of which would take 50 ms.
    gc.collect()
    gc.freeze()
    run(app, listener, drain_seconds=drain_seconds, stopping=stopping)


def serve_single(app: Application, listener: Listener, lifecycle: Lifecycle) -> None:
    """Serve in the only process, which ignores SIGHUP, because no other could take over."""

    @app.before_serving
    async def begin() -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(
            signal.SIGHUP, partial(logger.warning, "reload ignored", reason="WORKERS is 1")
        )
        loop.call_soon(lifecycle.ready)  # the socket listens already

    in_background(app, lifecycle.feed_watchdog)
    serve_app(app, listener, lifecycle.drain_seconds, lifecycle.stopping)


def read_worker_config(started_with: Settings, resolved: Settings) -> bytes:
    """Return the config to a worker as JSON: the settings in files, the same for all workers.

    `.env` and the files of secrets are read again at SIGHUP. The config also names the database
    that `serve` has started, if any. All other settings come from the environment. The values are
    texts, not objects, because a worker may run a newer version. Raises `ConfigReloadError` if a
    file is invalid.
    """
    try:
        variables = read_files()
    except SettingsError as error:
        raise ConfigReloadError(str(error)) from None
    if started_with.database_url is None and resolved.database_url is not None:
        variables["database_url"] = resolved.database_url.text
    return json.dumps(variables).encode()


def run_worker(descriptor: str) -> None:
    """Run a worker: read the config, and serve on the inherited socket `descriptor`."""
    channel = SupervisorChannel()
    config = channel.read_config()
    if not config:  # the supervisor exited before it sent the config
        return
    from_files: dict[str, str | None] = json.loads(config)
    channel.end_with_supervisor()
    settings = read_settings(from_files)
    configure_logs(settings.log_level, settings.log_format)
    try:
        # A worker that starts later may run a newer version than the others.
        prepare_database(settings)
    except UnreachableError as error:
        logger.warning("database preparation failed", reason=str(error))
    app = create_app(settings)
    channel.send_heartbeats(app)
    serve_app(app, listen(f"fd://{descriptor}", settings.keep_alive_seconds))


if __name__ == "__main__":
    sys.exit(reporting(lambda: run_worker(sys.argv[1])))
