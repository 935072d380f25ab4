"""TLS to a real PostgreSQL: each mode behaves as in libpq, compared with psql."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from app.database.database import Database
from app.database.driver.errors import DatabaseUnavailableError
from app.database.driver.url import DatabaseUrl
from app.tasks.wall import WALL
from tests.support.certificates import Authority
from tests.support.debian_postgres import HOST, PASSWORD, ROLES, debian_binaries, tls_server
from tests.support.folders import world_readable_tmp
from tests.support.taskward import Taskward
from tests.support.tokens import SECRET

MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
IS_TLS = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
TLS, PLAIN, REFUSED = "tls", "plain", "refused"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with world_readable_tmp() as made:
        yield made


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder, "right")


@pytest.fixture(scope="module")
def wrong(folder: Path) -> Authority:
    """Another certificate authority, which has signed none of the certificates."""
    return Authority(folder, "wrong")


@pytest.fixture(scope="module")
def port(authority: Authority) -> Iterator[int]:
    with tls_server(authority) as port:
        yield port


@pytest.fixture(autouse=True)
def _no_settings_of_ones_own(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("HOME", str(folder))
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)


def url_of(port: int, query: str, role: str = ROLES[0], host: str = HOST) -> str:
    return f"postgresql://{role}:{PASSWORD}@{host}:{port}/postgres?{query}"


async def outcome(url: str) -> str:
    """Return how the driver connects to a URL, alone and through SQLAlchemy, which must agree."""
    try:
        parsed = DatabaseUrl(url)
    except ValueError:
        return REFUSED
    found = {await _through_sqlalchemy(parsed), await _of_driver(parsed)}
    assert len(found) == 1
    return found.pop()


async def _through_sqlalchemy(url: DatabaseUrl) -> str:
    database = Database(url, pool_size=1, wall=WALL)
    try:
        async with database.transaction() as connection:
            return TLS if (await connection.execute(text(IS_TLS))).scalar_one() else PLAIN
    except DatabaseUnavailableError:
        return REFUSED
    finally:
        await database.close()


async def _of_driver(url: DatabaseUrl) -> str:
    try:
        connection = await asyncpg.connect(**url.for_driver)
    except (OSError, asyncpg.PostgresError):
        return REFUSED
    try:
        return TLS if await connection.fetchval(IS_TLS) else PLAIN
    finally:
        await connection.close()


async def outcome_of_libpq(url: str) -> str:
    """Return how psql connects to a URL."""
    psql = await asyncio.create_subprocess_exec(
        *(str(debian_binaries() / "psql"), "--no-psqlrc", "-Atc", IS_TLS, url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    said, _ = await psql.communicate()
    return {b"t\n": TLS, b"f\n": PLAIN}.get(said, REFUSED)


async def outcomes(urls: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return the driver's outcome and libpq's for each URL."""
    return {name: (await outcome(url), await outcome_of_libpq(url)) for name, url in urls.items()}


async def test_every_mode_does_what_libpq_does(port: int, authority: Authority) -> None:
    queries = {mode: f"sslmode={mode}" for mode in MODES}
    for mode in ("verify-ca", "verify-full"):
        queries[mode] += f"&sslrootcert={authority.path}"
    found = await outcomes(
        {
            f"{mode} {role}": url_of(port, query, role)
            for mode, query in queries.items()
            for role in ROLES
        }
    )
    assert {name: ours for name, (ours, _) in found.items()} == {
        name: libpq for name, (_, libpq) in found.items()
    }
    assert [found[f"{mode} either"][0] for mode in MODES] == [PLAIN, PLAIN, TLS, TLS, TLS, TLS]
    assert [found[f"{mode} only_tls"][0] for mode in MODES] == [REFUSED, *[TLS] * 5]
    assert [found[f"{mode} only_plain"][0] for mode in MODES] == [*[PLAIN] * 3, *[REFUSED] * 3]


async def test_a_certificate_is_verified_as_libpq_does(
    port: int, authority: Authority, wrong: Authority
) -> None:
    found = await outcomes(
        {
            f"{mode} {root.path.stem} {host}": url_of(
                port, f"sslmode={mode}&sslrootcert={root.path}", host=host
            )
            for mode in ("require", "verify-ca", "verify-full")
            for root in (authority, wrong)
            for host in (HOST, "127.0.0.1")
        }
    )
    assert {name for name, (ours, _) in found.items() if ours == TLS} == {
        "require right localhost",
        "require right 127.0.0.1",
        "verify-ca right localhost",
        "verify-ca right 127.0.0.1",
        "verify-full right localhost",
    }
    assert all(ours == libpq for ours, libpq in found.values())


async def test_channel_binding_requires_a_valid_certificate(
    port: int, authority: Authority, wrong: Authority
) -> None:
    binding = "sslmode=require&channel_binding=require"
    named = f"{binding}&sslrootcert={authority.path}"
    found = await outcomes(
        {
            "not of a public authority": url_of(port, binding),
            "of the authority that is named": url_of(port, named),
            "for another name": url_of(port, named, host="127.0.0.1"),
            "of another authority": url_of(port, f"{binding}&sslrootcert={wrong.path}"),
            "no TLS": url_of(port, "sslmode=disable&channel_binding=require"),
            "not required": url_of(port, "sslmode=require&channel_binding=prefer"),
        }
    )
    assert {name for name, (ours, _) in found.items() if ours == TLS} == {
        "of the authority that is named",
        "not required",
    }
    # For channel binding, the driver verifies the certificate. It rejects all that libpq rejects.
    assert all(ours == REFUSED for ours, libpq in found.values() if libpq == REFUSED)


def test_commands_use_tls_and_say_why_they_cannot(
    taskward: Taskward, port: int, authority: Authority, wrong: Authority
) -> None:
    def run(command: str, root: Path) -> str:
        url = url_of(port, f"sslmode=verify-full&sslrootcert={root}")
        finished = taskward.run(command, DATABASE_URL=url, BETTER_AUTH_SECRET=SECRET)
        return finished.out + finished.err

    assert "The schema is at revision" in run("migrate", authority.path)
    assert "FAIL" not in run("doctor", authority.path)
    assert "certificate verify failed" in run("doctor", wrong.path)
    none = taskward.folder / "none.pem"
    assert "sslrootcert must be a readable file" in run("doctor", none)
