"""What is compared: how each system is started. `{port}`, `{address}`, `{log}` are filled in."""

import sys
from pathlib import Path
from typing import NamedTuple

from bench.tokens import SECRET

ROOT = Path(__file__).parents[1]
POOL_SIZE = 10
"""Connections to PostgreSQL; the same number for every system."""

_PEERS_BIN = ROOT / ".venv-bench" / "bin"
NODE_FOLDER = ROOT / "bench" / "peers" / "fastify"


class System(NamedTuple):
    """A server that can be asked."""

    name: str
    title: str
    command: tuple[str, ...]
    environment: dict[str, str]
    packages: tuple[str, ...] = ()


def _uvicorn(application: str) -> tuple[str, ...]:
    options = ("--host", "127.0.0.1", "--port", "{port}", "--loop", "uvloop", "--http", "httptools")
    return (str(_PEERS_BIN / "python"), "-m", "uvicorn", f"bench.peers.{application}:app", *options)


_OF_A_PEER = {"SECRET_KEY": SECRET, "POOL_SIZE": str(POOL_SIZE)}
_SQLALCHEMY = {**_OF_A_PEER, "DATABASE_URL": "postgresql+asyncpg://{address}"}

TASKWARD = System(
    "taskward",
    "**Taskward**",
    (sys.executable, "-m", "app", "serve"),
    {
        "DATABASE_URL": "postgresql://{address}",
        "DATABASE_POOL_SIZE": str(POOL_SIZE),
        "BETTER_AUTH_SECRET": SECRET,
        "RATE_LIMIT": "1000000/minute",  # on, and never reached
        "LOG_LEVEL": "info",
        "LOG_FORMAT": "json",
        "BIND": "127.0.0.1:{port}",
    },
)
FASTAPI = System(
    "fastapi",
    "FastAPI",
    _uvicorn("fastapi_app"),
    _SQLALCHEMY,
    ("fastapi", "sqlmodel", "pyjwt", "asyncpg", "uvicorn"),
)
LITESTAR = System(
    "litestar",
    "Litestar",
    _uvicorn("litestar_app"),
    _SQLALCHEMY,
    ("litestar", "sqlalchemy", "msgspec", "pyjwt", "asyncpg", "uvicorn"),
)
CONNEXION = System(
    "connexion",
    "Connexion",
    _uvicorn("connexion_app"),
    _SQLALCHEMY,
    ("connexion", "sqlalchemy", "pyjwt", "asyncpg", "uvicorn"),
)
FASTIFY = System(
    "fastify",
    "Fastify (Node.js)",
    ("node", str(NODE_FOLDER / "server.mjs")),
    {**_OF_A_PEER, "DATABASE_URL": "postgresql://{address}", "PORT": "{port}"},
)

PEERS = {each.name: each for each in (FASTAPI, LITESTAR, CONNEXION, FASTIFY)}
