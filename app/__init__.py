"""Taskward: a contract-first task API on PostgreSQL."""

import asyncio
import os
from typing import TYPE_CHECKING

from quart import Quart, request
from quart_cors import cors

from app.auth import problems as auth_problems
from app.auth.in_flight import InFlight
from app.auth.long_bodies import LongBodies
from app.auth.rate_limits import RateLimiter
from app.auth.require_user import BearerAuthentication
from app.auth.tokens import TokenVerifier
from app.database import problems as database_problems
from app.database.database import Database
from app.database.link import Link
from app.openapi import read
from app.server import health, protocol
from app.server import problems as server_problems
from app.server.application import Application
from app.server.envelope import Envelope, Recorder
from app.server.guard import Guard
from app.server.readiness import ReadinessCheck
from app.server.serving import TRUSTED_PROXY_HOPS
from app.server.strangers import Strangers
from app.server.tracing import tracing_of
from app.settings import Settings, required
from app.tasks import problems as task_problems
from app.tasks import routes
from app.tasks.erasures import REQUESTED
from quart_contract import Contract, Problem

if TYPE_CHECKING:
    from app.server.tracing.spans import Tracing

# A task needs half of this with every character escaped. What is larger could only keep the
# event loop busy: parsing and checking a mebibyte of brackets takes more than a second.
MAX_BODY_BYTES = 256 * 1024
BODY_TIMEOUT_SECONDS = 30
PROBLEMS = {
    **auth_problems.PROBLEMS,
    **database_problems.PROBLEMS,
    **task_problems.PROBLEMS,
}
"""The problem that each exception is answered with; each package lists its own."""


def create_app(settings: Settings) -> Quart:
    """Wire the parts together.

    Raises `SettingsError` where the settings name no database or no key, and `ContractError`
    or `ContractDriftError` where contract and code do not fit.
    """
    contract = Contract(read())
    app = Application(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES, BODY_TIMEOUT=BODY_TIMEOUT_SECONDS)
    app.url_map.merge_slashes = False
    for blueprint in (routes.blueprint, health.blueprint):
        app.register_blueprint(blueprint)

    verifier, limiter, in_flight = make_verifier(settings), _rate_limiter(app, settings), InFlight()
    app.after_serving(verifier.close)
    contract.install(
        app,
        security={"bearer": BearerAuthentication(verifier, limiter, in_flight)},
        problems=PROBLEMS,
        codes=server_problems.CODES,
        schedule=LongBodies().schedule,
        observe=_observe,
    )
    app.routes = {each.handler_name: each for each in contract.operations}
    _allow_origins(app, contract, settings.cors_origins)

    tracing = tracing_of(os.environ, contract.version)
    _connect(app, settings, verifier, in_flight, tracing)
    protocol.install(contract.catalogue)
    app.config[TRUSTED_PROXY_HOPS] = settings.trusted_proxy_hops
    strangers = Strangers(app.asgi_app, verifier)
    guard = Guard(strangers, settings.trusted_proxy_hops)
    record = _recorder(app, settings)
    app.asgi_app = Envelope(guard, contract.catalogue, record)  # type: ignore[method-assign]
    if tracing is not None:
        app.asgi_app = tracing.around(app.asgi_app)  # type: ignore[method-assign]
        app.after_serving(tracing.close)
    if settings.validate_responses:
        app.asgi_app = contract.validate_responses(app.asgi_app)  # type: ignore[method-assign]
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


def _observe(problem: Problem) -> str:
    state = request.scope["state"]
    state["problem"] = problem.code
    request_id: str = state["request_id"]
    return request_id


def _connect(
    app: Quart,
    settings: Settings,
    verifier: TokenVerifier,
    in_flight: InFlight,
    tracing: "Tracing | None",
) -> None:
    url = required(settings.database_url, "DATABASE_URL")
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
    app.extensions[ReadinessCheck.EXTENSION] = ReadinessCheck(database, verifier)
    app.extensions[REQUESTED] = asyncio.Event()
    app.config[routes.MAX_TASKS_PER_USER] = settings.max_tasks_per_user


def _rate_limiter(app: Quart, settings: Settings) -> RateLimiter | None:
    if settings.rate_limit is None:
        return None
    storage = settings.rate_limit_storage
    limiter = RateLimiter(settings.rate_limit, storage.get_secret_value() if storage else None)
    app.after_serving(limiter.close)
    return limiter


def _recorder(app: Quart, settings: Settings) -> Recorder | None:
    if settings.metrics_bind is None:
        return None
    # Who does not measure need not hold the library in memory, either.
    from app.server.metrics.recording import recorder  # noqa: PLC0415

    return recorder(app, app.extensions[Database.EXTENSION])


def _allow_origins(app: Quart, contract: Contract, origins: tuple[str, ...]) -> None:
    if origins:
        found = contract.operations
        named = {each.name for operation in found for each in operation.headers}
        cors(
            app,
            allow_origin=list(origins),
            allow_headers=["Authorization", "Content-Type", "X-Request-Id", *sorted(named)],
            allow_methods=sorted({each.method for each in found}),
            expose_headers=list(contract.document.tree["components"]["headers"]),
            max_age=600,
        )
