"""The compared systems and their commands; `{port}` and `{address}` are filled in."""

import sys
from pathlib import Path
from typing import NamedTuple

from tests.support.tokens import SECRET

ROOT = Path(__file__).parents[1]
POOL_SIZE = 10
"""Connections to PostgreSQL; the same number for every system."""

PEERS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
NODE_FOLDER = ROOT / "bench" / "peers" / "fastify"


class System(NamedTuple):
    """A server of the comparison."""

    name: str
    title: str
    command: tuple[str, ...]
    environment: dict[str, str]


def _uvicorn(application: str) -> tuple[str, ...]:
    address = ("--host", "127.0.0.1", "--port", "{port}")
    parts = ("--loop", "uvloop", "--http", "httptools")
    return (str(PEERS_PYTHON), "-m", "uvicorn", f"bench.peers.{application}:app", *address, *parts)


_OF_A_PEER = {"SECRET_KEY": SECRET, "POOL_SIZE": str(POOL_SIZE)}
_SQLALCHEMY = {**_OF_A_PEER, "DATABASE_URL": "postgresql+asyncpg://{address}"}

TASKWARD = System(
    "taskward",
    "Taskward",
    (sys.executable, "-m", "app", "serve"),
    {
        "DATABASE_URL": "postgresql://{address}",
        "DATABASE_POOL_SIZE": str(POOL_SIZE),
        "BETTER_AUTH_SECRET": SECRET,
        "RATE_LIMIT": "1000000/minute",  # enabled, but never reached
        "LOG_LEVEL": "info",
        "LOG_FORMAT": "json",
        "BIND": "127.0.0.1:{port}",
    },
)
FASTAPI = System("fastapi", "FastAPI", _uvicorn("fastapi_app"), _SQLALCHEMY)
LITESTAR = System("litestar", "Litestar", _uvicorn("litestar_app"), _SQLALCHEMY)
CONNEXION = System("connexion", "Connexion", _uvicorn("connexion_app"), _SQLALCHEMY)
FASTIFY = System(
    "fastify",
    "Fastify (Node.js)",
    ("node", str(NODE_FOLDER / "server.mjs")),
    {**_OF_A_PEER, "DATABASE_URL": "postgresql://{address}", "PORT": "{port}"},
)
EMPTY_APP = System(
    "empty",
    "Hypercorn, empty app",
    # The same as Taskward: one process, and the same event loop.
    (
        *(sys.executable, "-m", "hypercorn", "bench.empty_app:app", "--bind", "127.0.0.1:{port}"),
        *("--workers", "0", "--worker-class", "uvloop"),
    ),
    {},
)

PEERS = {each.name: each for each in (FASTAPI, LITESTAR, CONNEXION, FASTIFY)}
