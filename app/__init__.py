"""Taskward: a contract-first task API on PostgreSQL."""

import asyncio
import os
from typing import TYPE_CHECKING

from quart import Quart
from quart_cors import cors

from app.auth import require_user
from app.auth.in_flight import InFlight
from app.auth.rate_limits import RateLimiter
from app.auth.tokens import TokenVerifier
from app.contract import document
from app.contract.binding import bind
from app.contract.errors import render_errors
from app.contract.operations import operations
from app.contract.pages import ContractPages
from app.contract.problems import ProblemCatalogue
from app.database.database import Database
from app.database.link import Link
from app.server import health, protocol
from app.server.application import Application
from app.server.envelope import Envelope, Recorder
from app.server.guard import Guard
from app.server.readiness import ReadinessCheck
from app.server.serving import TRUSTED_PROXY_HOPS
from app.server.strangers import Strangers
from app.server.tracing import tracing_of
from app.settings import Settings, required
from app.tasks import routes
from app.tasks.erasures import REQUESTED

if TYPE_CHECKING:
    from app.server.tracing.spans import Tracing

# A task needs half of this with every character escaped. What is larger could only keep the
# event loop busy: parsing and checking a mebibyte of brackets takes more than a second.
MAX_BODY_BYTES = 256 * 1024
BODY_TIMEOUT_SECONDS = 30


def create_app(settings: Settings) -> Quart:
    """Wire the parts together.

    Raises `SettingsError` where the settings name no database or no key, and `ContractError`
    or `ContractDriftError` where contract and code do not fit.
    """
    contract = document.read()
    catalogue = ProblemCatalogue(contract)
    app = Application(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES, BODY_TIMEOUT=BODY_TIMEOUT_SECONDS)
    app.url_map.merge_slashes = False

    ContractPages(app, contract, catalogue)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # quart-schema's own provider
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    for blueprint in (routes.blueprint, health.blueprint):
        app.register_blueprint(blueprint)
    bind(app, contract)
    render_errors(app, catalogue)
    _allow_origins(app, contract, settings.cors_origins)

    tracing = tracing_of(os.environ, contract.version)
    _connect(app, settings, tracing)
    _limit_rates(app, settings)
    protocol.install(catalogue)
    app.config[TRUSTED_PROXY_HOPS] = settings.trusted_proxy_hops
    strangers = Strangers(app.asgi_app, app.extensions[require_user.VERIFIER])
    guard = Guard(strangers, settings.trusted_proxy_hops)
    record = _recorder(app, settings)
    app.asgi_app = Envelope(guard, catalogue, record)  # type: ignore[method-assign]
    if tracing is not None:
        app.asgi_app = tracing.around(app.asgi_app)  # type: ignore[method-assign]
        app.after_serving(tracing.close)
    return app


def make_verifier(settings: Settings) -> TokenVerifier:
    """Make the verifier of these settings' tokens. Raises `SettingsError` without any key."""
    if settings.jwks_url is None:
        required(settings.better_auth_secret, "BETTER_AUTH_SECRET")
    secrets = settings.better_auth_secret, settings.better_auth_secret_previous
    return TokenVerifier(
        [secret.get_secret_value() for secret in secrets if secret is not None],
        str(settings.jwks_url) if settings.jwks_url else None,
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
    )


def _connect(app: Quart, settings: Settings, tracing: "Tracing | None") -> None:
    url = required(settings.database_url, "DATABASE_URL")
    in_flight = InFlight()
    app.extensions[InFlight.EXTENSION] = in_flight
    database = Database(
        url,
        settings.database_pool_size,
        pooler=settings.has_pooler,
        connection_class=tracing.connection_class() if tracing else Link,
        admit=in_flight.check,
    )
    app.extensions[Database.EXTENSION] = database
    app.after_serving(database.close)
    verifier = make_verifier(settings)
    app.extensions[require_user.VERIFIER] = verifier
    app.after_serving(verifier.close)
    app.extensions[ReadinessCheck.EXTENSION] = ReadinessCheck(database, verifier)
    app.extensions[REQUESTED] = asyncio.Event()
    app.config[routes.MAX_TASKS_PER_USER] = settings.max_tasks_per_user


def _limit_rates(app: Quart, settings: Settings) -> None:
    limiter = None
    if settings.rate_limit is not None:
        storage = settings.rate_limit_storage
        limiter = RateLimiter(settings.rate_limit, storage.get_secret_value() if storage else None)
        app.after_serving(limiter.close)
    app.extensions[require_user.LIMITER] = limiter


def _recorder(app: Quart, settings: Settings) -> Recorder | None:
    if settings.metrics_bind is None:
        return None
    # Who does not measure need not hold the library in memory, either.
    from app.server.metrics.recording import recorder  # noqa: PLC0415

    return recorder(app, app.extensions[Database.EXTENSION])


def _allow_origins(app: Quart, contract: document.Document, origins: tuple[str, ...]) -> None:
    if origins:
        found = operations(contract)
        named = {each.name for operation in found for each in operation.headers}
        cors(
            app,
            allow_origin=list(origins),
            allow_headers=["Authorization", "Content-Type", "X-Request-Id", *sorted(named)],
            allow_methods=sorted({each.method for each in found}),
            expose_headers=list(contract.tree["components"]["headers"]),
            max_age=600,
        )
