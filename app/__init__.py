"""Taskward: a contract-first task API on PostgreSQL."""

import asyncio
import os
from typing import TYPE_CHECKING

from hypercorn.typing import ASGIFramework

from quart_contract import Contract

from .auth import problems as auth_problems
from .auth.in_flight import InFlight
from .auth.key_sources import Discovery, KeyAddress, KeySource
from .auth.long_bodies import LongBodies
from .auth.rate_limits import RateLimiter
from .auth.require_user import BearerAuthentication
from .auth.tokens import TokenVerifier
from .database import problems as database_problems
from .database.database import Database
from .database.driver.connection import DriverConnection
from .live import problems as live_problems
from .live.choice import link_of
from .live.links import Link
from .live.signals import Signals
from .live.waiters import Waiters
from .openapi import read
from .server import problems as server_problems
from .server.cross_origin import allow_origins
from .server.http import protocol
from .server.http.application import Application, Services
from .server.middleware.base_path import BasePathMiddleware
from .server.middleware.request_guard import RequestGuardMiddleware
from .server.middleware.request_log import Recorder, RequestLogMiddleware
from .server.middleware.unverified_requests import UnverifiedRequestsMiddleware
from .server.observability.health import HealthRoutes
from .server.observability.problems import ObservedProblems
from .server.observability.readiness import ReadinessCheck
from .server.observability.tracing import tracing_of
from .server.signalling import run_signals
from .settings import Settings, SettingsError, required
from .tasks import problems as task_problems
from .tasks.me import MeRoutes
from .tasks.revisions import read_revisions
from .tasks.routes import TaskRoutes
from .tasks.wall import WALL

if TYPE_CHECKING:
    from .server.observability.tracing.spans import Tracing

# A task needs half of this with every character escaped. A larger body could only keep the event
# loop busy: parsing and checking a mebibyte of brackets takes more than a second.
MAX_BODY_BYTES = 256 * 1024
BODY_TIMEOUT_SECONDS = 30
PROBLEMS = {
    **auth_problems.PROBLEMS,
    **database_problems.PROBLEMS,
    **live_problems.PROBLEMS,
    **task_problems.PROBLEMS,
}
"""The problem with which the API responds to each exception; each package lists its own."""


def create_app(settings: Settings, *, local_origins: bool = False) -> Application:
    """Create the app and connect its parts.

    With `local_origins`, pages that this machine serves can call the API, as well as those of
    `CORS_ORIGINS`.

    Raises `SettingsError` if the settings lack a database or a key, and `ContractError` or
    `ContractDriftError` if contract and code differ.
    """
    contract = Contract(read(), settings.base_path or "")
    tracing = tracing_of(os.environ, contract.version)
    app = Application(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES, BODY_TIMEOUT=BODY_TIMEOUT_SECONDS)
    app.url_map.merge_slashes = False
    verifier, limiter = make_verifier(settings), _rate_limiter(settings)
    services = app.services = _services(settings, verifier, tracing)
    app.behind_proxies = settings.trusted_proxy_hops > 0
    app.after_serving(services.database.close)
    app.after_serving(verifier.close)
    if limiter is not None:
        app.after_serving(limiter.close)

    problems = ObservedProblems(contract.catalogue)
    _add_handlers(app, settings, services, problems)
    run_signals(app, read_revisions, _link(settings, services.database))
    contract.install(
        app,
        security={"bearer": BearerAuthentication(verifier, limiter, services.in_flight)},
        problems=PROBLEMS,
        codes=server_problems.CODES,
        schedule=LongBodies().schedule,
        observe=problems.observe,
    )
    app.routes = {each.handler_name: each for each in contract.operations}
    allow_origins(app, contract, settings.cors_origins, local=local_origins)
    protocol.install(contract.catalogue)
    _add_middleware(app, settings, contract, verifier, tracing)
    return app


def _add_handlers(
    app: Application, settings: Settings, services: Services, problems: ObservedProblems
) -> None:
    health = HealthRoutes(services.readiness, services.stopping)
    database, max_tasks = services.database, settings.max_tasks_per_user
    tasks = TaskRoutes(database, services.waiters, max_tasks, problems.describe)
    me = MeRoutes(database, max_tasks, services.erasure_requested)
    for each in (tasks, me, health):
        app.register_blueprint(each.blueprint)


def _add_middleware(
    app: Application,
    settings: Settings,
    contract: Contract,
    verifier: TokenVerifier,
    tracing: "Tracing | None",
) -> None:
    """Wrap the app in middleware. A request passes the last one added first."""
    serve: ASGIFramework = UnverifiedRequestsMiddleware(app.asgi_app, verifier)
    serve = RequestGuardMiddleware(serve, settings.trusted_proxy_hops)
    serve = RequestLogMiddleware(serve, contract.catalogue, _recorder(app, settings, contract))
    if tracing is not None:
        serve = tracing.around(serve)
        app.after_serving(tracing.close)
    if settings.validate_responses:
        serve = contract.validate_responses(serve)
    if settings.base_path:
        serve = _mounted(serve, app, settings.base_path)
    app.asgi_app = serve  # type: ignore[method-assign]  # as Quart's documentation does


def _mounted(serve: ASGIFramework, app: Application, base_path: str) -> BasePathMiddleware:
    mounted = BasePathMiddleware(serve, base_path, (each.rule for each in app.url_map.iter_rules()))
    if mounted.is_route(base_path.encode()):
        # A proxy that removes the base path would make two requests look the same.
        raise SettingsError(f"BASE_PATH: {base_path} is a path of Taskward. Choose another one.")
    return mounted


def make_verifier(settings: Settings) -> TokenVerifier:
    """Return the verifier for these settings. Raises `SettingsError` if they have no key."""
    source = key_source(settings)
    if source is None:
        required(settings.better_auth_secret, "BETTER_AUTH_SECRET")
    secrets = settings.better_auth_secret, settings.better_auth_secret_previous
    return TokenVerifier(
        [secret.get_secret_value() for secret in secrets if secret is not None],
        source,
        settings.expected_claims,
    )


def key_source(settings: Settings) -> KeySource | None:
    """Return where the issuer publishes its keys; None if only a secret verifies tokens."""
    if settings.jwks_url is not None:
        return KeyAddress(str(settings.jwks_url))
    issuer = settings.discovered_issuer
    return None if issuer is None else Discovery(issuer)


def _services(settings: Settings, verifier: TokenVerifier, tracing: "Tracing | None") -> Services:
    in_flight, waiters = InFlight(), Waiters()
    signals = Signals(waiters)
    database = Database(
        required(settings.database_url, "DATABASE_URL"),
        settings.database_pool_size,
        wall=WALL,
        pooler=settings.has_pooler,
        connection_class=tracing.connection_class() if tracing else DriverConnection,
        admit=in_flight.check,
        committed=signals.committed,
    )
    readiness = ReadinessCheck(database, verifier)
    return Services(database, in_flight, waiters, signals, readiness, asyncio.Event())


def _link(settings: Settings, database: Database) -> Link | None:
    storage = settings.rate_limit_storage
    return link_of(database, storage.get_secret_value() if storage else None, settings.has_pooler)


def _rate_limiter(settings: Settings) -> RateLimiter | None:
    if settings.rate_limit is None:
        return None
    storage = settings.rate_limit_storage
    return RateLimiter(settings.rate_limit, storage.get_secret_value() if storage else None)


def _recorder(app: Application, settings: Settings, contract: Contract) -> Recorder | None:
    if settings.metrics_bind is None:
        return None
    # Optional dependency: import it only when metrics are enabled.
    from .server.observability.metrics.recording import recorder  # noqa: PLC0415

    return recorder(app, contract.catalogue)
