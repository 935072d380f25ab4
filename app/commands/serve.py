"""`serve`: the production server. It refuses to start if a check fails."""

import signal
from functools import partial

import structlog

from .. import create_app, key_source
from ..openapi import read
from ..server.http.listener import listen
from ..server.lifecycle import Lifecycle
from ..server.observability import metrics
from ..server.service_manager import ServiceManager
from ..server.workers.supervisor import supervise
from ..server.workers.tally import WorkerTally
from ..settings import Settings
from . import worker
from .errors import CommandError
from .interruption import Interruption
from .migrate import prepare_database
from .misspellings import check_names
from .resolve import server_database

logger = structlog.get_logger("app.serve")


def serve(settings: Settings, interruption: Interruption) -> None:
    """Serve with Hypercorn, in this process or in several workers under it.

    Raises `CommandError` if there is no key to verify tokens, or if users would not be separated.
    """
    # SIGHUP during the start must not end this process: its settings and version are the newest.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if settings.better_auth_secret is None and key_source(settings) is None:
        raise CommandError(
            "there is no key to verify tokens. Set JWKS_URL to the URL of your issuer's keys, "
            "JWT_ISSUER to the URL of an issuer that has a discovery document, or "
            "BETTER_AUTH_SECRET to its secret (at least 32 bytes)."
        )
    check_names(settings)
    manager = ServiceManager.from_environment()
    lifecycle = Lifecycle(settings.bind, settings.workers, settings.drain_seconds, manager)
    lifecycle.starting()
    with server_database(settings) as resolved:
        prepare_database(resolved)
        _log_start(settings, resolved)
        workers = WorkerTally(resolved.workers)
        with metrics.serve_metrics(resolved.metrics_bind, workers):
            app = create_app(resolved)
            listener = listen(resolved.bind, resolved.keep_alive_seconds)
            interruption.check()
            if resolved.workers > 1:
                # Create the app here as well: its errors then end this process with a message.
                read_config = partial(worker.read_worker_config, settings, resolved)
                supervise(listener, workers, worker.__name__, read_config, lifecycle)
            else:
                worker.serve_single(app, listener, lifecycle)
    lifecycle.stopped()


def _log_start(settings: Settings, resolved: Settings) -> None:
    if settings.database_url is None:
        folder = str(settings.data_dir.resolve())
        logger.warning("using embedded PostgreSQL", reason="no DATABASE_URL", data_dir=folder)
        database = f"embedded PostgreSQL in {folder}"
    else:
        database = str(resolved.database_url)
    logger.info("server starting", version=read().version, address=resolved.bind, database=database)
