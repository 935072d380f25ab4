"""What several tests of commands use."""

import asyncio

import pytest

from app.auth.in_flight import InFlight
from app.auth.tokens import TokenVerifier
from app.database.database import Database
from app.database.driver.url import DatabaseUrl
from app.live.signals import Signals
from app.live.waiters import Waiters
from app.server.http.application import Application, Services
from app.server.observability.readiness import ReadinessCheck
from app.tasks.wall import WALL
from tests.support.taskward import QUIET


def bare_application(url: DatabaseUrl | None = None) -> Application:
    """Create an app without operations. Without a URL, its database does not exist."""
    app = Application(__name__)
    database = Database(url or DatabaseUrl("postgresql://ada@127.0.0.1:1/x"), 1, wall=WALL)
    readiness = ReadinessCheck(database, TokenVerifier())
    waiters = Waiters()
    app.services = Services(
        database, InFlight(), waiters, Signals(waiters), readiness, asyncio.Event()
    )
    return app


@pytest.fixture
def settings_of_two(database_url: DatabaseUrl) -> dict[str, str]:
    """Settings for two workers on the database that all tests share."""
    return {**QUIET, "DATABASE_URL": database_url.text, "WORKERS": "2"}
