"""Tests of database URLs, as providers print them, and of the driver's arguments for each."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from app.database.driver.url import DatabaseUrl

SUPABASE = "postgresql://postgres.abcdefgh:p%40ss@aws-0-eu-central-1.pooler.supabase.com"
RDS = "postgresql://taskward:p@tasks.abc123.eu-central-1.rds.amazonaws.com:5432/taskward"


@pytest.fixture(autouse=True)
def _no_certificates_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "root.pem"
    path.touch()
    return path


@pytest.mark.parametrize(
    ("text", "sqlalchemy", "arguments"),
    [
        ("postgres://u:p@h/d", "postgresql+asyncpg://u:p@h/d", {}),
        ("postgresql://u:p@h:5433/d", "postgresql+asyncpg://u:p@h:5433/d", {}),
        ("postgresql+asyncpg://u@h/d", "postgresql+asyncpg://u@h/d", {}),
        ("postgresql://u:p%40ss@h/d", "postgresql+asyncpg://u:p%40ss@h/d", {}),
        (
            "postgres://h/d?sslmode=require",
            "postgresql+asyncpg://h/d",
            {"dsn": "postgresql://?sslmode=require"},
        ),
        (
            "postgresql:///d?host=/run/postgresql",
            "postgresql+asyncpg:///d?host=%2Frun%2Fpostgresql",
            {},
        ),
        ("postgresql://h?dbname=d&user=u&password=p", "postgresql+asyncpg://u:p@h/d", {}),
        (
            "postgresql://u:p@h1:5433,h2/d?target_session_attrs=read-write",
            "postgresql+asyncpg://u:p@/d?host=h1%3A5433&host=h2%3A5432",
            {"dsn": "postgresql://?target_session_attrs=read-write"},
        ),
    ],
)
def test_a_url_is_put_in_the_terms_of_the_driver(
    text: str, sqlalchemy: str, arguments: dict[str, str]
) -> None:
    url = DatabaseUrl(text)
    assert url.for_sqlalchemy.render_as_string(hide_password=False) == sqlalchemy
    assert url.connect_arguments == arguments


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            f"{SUPABASE}:6543/postgres",
            {
                "user": "postgres.abcdefgh",
                "password": "p@ss",
                "host": "aws-0-eu-central-1.pooler.supabase.com",
                "port": 6543,
                "database": "postgres",
            },
        ),
        (
            "postgresql://postgres:p@db.abcdefgh.supabase.co:5432/postgres",
            {
                "user": "postgres",
                "password": "p",
                "host": "db.abcdefgh.supabase.co",
                "port": 5432,
                "database": "postgres",
            },
        ),
        (
            "postgres://u1:p@ec2-1.compute-1.example.com:5432/d1",
            {
                "user": "u1",
                "password": "p",
                "host": "ec2-1.compute-1.example.com",
                "port": 5432,
                "database": "d1",
            },
        ),
        (
            "postgres://u:p@h1:5433,h2:5434/d?sslmode=prefer",
            {
                "user": "u",
                "password": "p",
                "host": ["h1", "h2"],
                "port": [5433, 5434],
                "database": "d",
                "dsn": "postgresql://?sslmode=prefer",
            },
        ),
    ],
)
def test_the_driver_is_told_where_a_provider_s_database_is(
    text: str, told: dict[str, object]
) -> None:
    assert DatabaseUrl(text).for_driver == told


@pytest.mark.parametrize("host", ["ep-cool-1", "ep-cool-1-pooler"])
def test_channel_binding_becomes_certificate_verification(
    host: str,
) -> None:
    """Neon's own URLs, direct and pooled; they require that nothing intercepts the connection."""
    text = f"postgresql://u:npg_x1@{host}.eu-central-1.aws.neon.tech/neondb"
    told = DatabaseUrl(f"{text}?sslmode=require&channel_binding=require").for_driver
    context = told.pop("ssl")
    assert told == {
        "user": "u",
        "password": "npg_x1",
        "host": f"{host}.eu-central-1.aws.neon.tech",
        "database": "neondb",
    }
    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_channel_binding_uses_a_named_certificate(certificate: Path) -> None:
    text = f"postgresql://u@h/d?sslrootcert={certificate}&channel_binding=require"
    assert "sslmode=verify-full" in DatabaseUrl(text).for_driver["dsn"]
    weaker = DatabaseUrl(f"{text}&sslmode=verify-ca").for_driver["dsn"]
    assert "sslmode=verify-ca" in weaker


def test_a_certificate_of_rds_is_believed(certificate: Path) -> None:
    told = DatabaseUrl(f"{RDS}?sslmode=verify-full&sslrootcert={certificate}").connect_arguments
    path = str(certificate).replace("/", "%2F")
    assert told == {"dsn": f"postgresql://?sslmode=verify-full&sslrootcert={path}"}


@pytest.mark.parametrize("query", ["sslrootcert=system", "sslmode=verify-full&sslrootcert=system"])
def test_sslrootcert_system_trusts_the_systems_certificates(query: str) -> None:
    context = DatabaseUrl(f"{RDS}?{query}").connect_arguments["ssl"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("application_name=tasks", {"server_settings": {"application_name": "tasks"}}),
        ("fallback_application_name=t", {"server_settings": {"application_name": "t"}}),
        (
            "options=-c%20search_path%3Dtasks",
            {"server_settings": {"options": "-c search_path=tasks"}},
        ),
        ("options=endpoint%3Dep-cool-1", {"server_settings": {"options": "endpoint=ep-cool-1"}}),
        ("connect_timeout=15", {"timeout": 15}),
        ("ssl=true", {"dsn": "postgresql://?sslmode=require"}),
        ("ssl=prefer", {"dsn": "postgresql://?sslmode=prefer"}),
        ("sslmode=disable&sslmode=require", {"dsn": "postgresql://?sslmode=require"}),
        (
            "sslmode=require&ssl_min_protocol_version=TLSv1.3",
            {"dsn": "postgresql://?sslmode=require&ssl_min_protocol_version=TLSv1.3"},
        ),
        ("pgbouncer=true", {}),
        ("channel_binding=prefer&gssencmode=prefer&client_encoding=utf8&sslsni=1", {}),
    ],
)
def test_a_parameter_of_libpq_does_what_libpq_makes_of_it(query: str, told: dict[str, Any]) -> None:
    assert DatabaseUrl(f"postgresql://u@h/d?{query}").connect_arguments == told


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require"])
def test_a_mode_of_tls_reaches_the_driver_by_its_name(mode: str) -> None:
    told = DatabaseUrl(f"postgresql://u@h/d?sslmode={mode}").connect_arguments
    assert told == {"dsn": f"postgresql://?sslmode={mode}"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a URL"),
        ("taskward", "not a URL"),
        ("postgresql://h:port/d", "not a URL"),
        ("postgresql://[::1/d", "not a URL"),
        ("postgresql://h:65536/d", "must have a port from 1 to 65535"),
        ("postgresql://h1,h2:65536/d", "must have a port from 1 to 65535"),
        ("postgresql://h1:1,h2:port/d", "hosts and ports that do not match"),
        ("postgresql://h/d?host=a&host=b&port=1,2", "hosts and ports that do not match"),
        ("postgresql://h..example/d", "invalid host name"),
        ("mysql://h/d", "must start with"),
        ("postgresql+psycopg://h/d", "must start with"),
        ("postgresql://h", "must include a database name"),
        ("postgresql://h/d?sslmode=yes", "sslmode must be one of"),
        ("postgresql://h/d?sslnegotiation=direct", "sslnegotiation must be one of"),
        ("postgresql://h/d?gssencmode=require", "gssencmode must be one of"),
        ("postgresql://h/d?target_session_attrs=standby", "target_session_attrs must be one of"),
        ("postgresql://h/d?connect_timeout=0", "connect_timeout must be 1 to 300"),
        ("postgresql://h/d?connect_timeout=soon", "connect_timeout must be 1 to 300"),
        ("postgresql://h/d?sslmode=verify-full", "sslmode=verify-full needs sslrootcert"),
        ("postgresql://h/d?sslmode=verify-ca", "sslmode=verify-ca needs sslrootcert"),
        ("postgresql://h/d?sslrootcert=/no/such", "sslrootcert must be a readable file"),
        ("postgresql://h/d?sslmode=require&sslrootcert=system", "must be verify-full"),
        ("postgresql://h/d?sslrootcert=system&sslpassword=x", "both sslpassword and sslrootcert"),
        ("postgresql://h/d?sslmode=prefer&channel_binding=require", "both sslmode=prefer and"),
        ("postgresql://h/d?keepalives_idle=30", "the parameter keepalives_idle"),
        ("postgresql://h/d?require_auth=scram-sha-256", "the parameter require_auth"),
        ("postgresql://h/d?connection_limit=1", "the parameter connection_limit"),
    ],
)
def test_an_invalid_or_unsupported_url_is_rejected(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DatabaseUrl(text)


@pytest.mark.parametrize(
    "text", ["postgresql://ada:hunter2@h/d", "postgresql://ada@h/d?password=hunter2"]
)
def test_a_password_is_not_shown(text: str) -> None:
    assert "hunter2" not in f"{DatabaseUrl(text)} {DatabaseUrl(text)!r}"
    assert "ada" in str(DatabaseUrl(text))


def test_the_password_of_a_key_is_not_shown() -> None:
    assert "hunter2" not in str(DatabaseUrl("postgresql://u@h/d?sslpassword=hunter2"))


@pytest.mark.parametrize("password", ["hun@ter2", "hun/ter2", "hun#ter2", "hun?ter2", "hun[ter2"])
def test_a_password_that_is_not_encoded_is_refused_unseen(password: str) -> None:
    with pytest.raises(ValueError, match="percent-encoded") as caught:
        DatabaseUrl(f"postgresql://ada:{password}@h/d")
    assert "ter2" not in str(caught.value)


def test_the_folder_of_a_socket_may_be_the_host() -> None:
    url = DatabaseUrl("postgresql://ada@%2Fvar%2Frun%2Fpostgresql:5433/d?application_name=x")
    assert url.for_driver["host"] == "/var/run/postgresql"
    assert url.for_driver["port"] == 5433
    assert url.for_driver["database"] == "d"
