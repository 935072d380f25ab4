"""Settings: what is accepted, and that wrong ones are reported all at once."""

import re
from pathlib import Path

import pytest
from limits import parse

from app.settings import Settings, SettingsError, read_file, read_settings, required

ROOT = Path(__file__).parents[1]
SECRET = "kG7vT2qLx9Zp4RmWb8NcYd3HsJf6AeUo"
PREVIOUS_SECRET = "pW4zR8nKc2Vt7YbQ5mLs9XhDf3JgAeUi"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def read(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return read_settings()


def fault(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    with pytest.raises(SettingsError) as raised:
        read(monkeypatch, **environment)
    return str(raised.value)


def test_env_example_lists_exactly_the_settings_that_exist() -> None:
    text = (ROOT / ".env.example").read_text()
    listed = re.findall(r"(?m)^#?\s?([A-Z_]+)=", text)
    assert sorted(listed) == sorted(name.upper() for name in Settings.model_fields)
    assert len(listed) == len(set(listed))


def test_the_readme_lists_exactly_the_settings_that_exist() -> None:
    text = (ROOT / "README.md").read_text()
    listed = re.findall(r"(?m)^\| `([A-Z_]+)` \|", text)
    assert sorted(listed) == sorted(name.upper() for name in Settings.model_fields)


def test_env_example_can_be_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text((ROOT / ".env.example").read_text())
    assert read_settings() == Settings()


def test_nothing_needs_to_be_set_and_no_secret_has_a_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = read(monkeypatch)
    assert (settings.database_url, settings.better_auth_secret) == (None, None)
    assert (settings.bind, settings.cors_origins) == ("127.0.0.1:8000", ())
    assert settings.workers == 1


@pytest.mark.parametrize("limit", ["600/minute", "20 per 2 seconds", "1/day", "5/10 second"])
def test_a_rate_is_a_number_and_a_time(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    assert read(monkeypatch, RATE_LIMIT=limit).rate_limit == parse(limit)


def test_the_rate_limit_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, RATE_LIMIT="off").rate_limit is None


@pytest.mark.parametrize("limit", ["600", "0/minute", "-1/minute", "many", "5/fortnight"])
def test_what_is_no_rate_is_refused(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    assert "RATE_LIMIT must be off, or a number and a time" in fault(monkeypatch, RATE_LIMIT=limit)


@pytest.mark.parametrize("scheme", ["redis", "rediss", "valkey", "valkeys"])
def test_counters_are_kept_in_redis_or_valkey(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    settings = read(monkeypatch, RATE_LIMIT_STORAGE=f"{scheme}://:hunter2@cache:6379/1")
    storage = settings.rate_limit_storage
    assert storage is not None
    assert (
        storage.get_secret_value() == f"{scheme.replace('valkey', 'redis')}://:hunter2@cache:6379/1"
    )
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("url", ["memcached://cache", "cache:6379", "redis:///", "memory://"])
def test_counters_are_kept_nowhere_else(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert "RATE_LIMIT_STORAGE must begin with" in fault(monkeypatch, RATE_LIMIT_STORAGE=url)


def test_published_keys_need_an_issuer_and_an_audience(monkeypatch: pytest.MonkeyPatch) -> None:
    found = fault(monkeypatch, JWKS_URL="https://id.example.com/jwks", JWT_ISSUER="")
    assert "JWT_ISSUER must be set where JWKS_URL is" in found
    assert "JWT_AUDIENCE must be set where JWKS_URL is" in found
    read(monkeypatch, JWT_ISSUER="https://id.example.com", JWT_AUDIENCE="taskward")


@pytest.mark.parametrize("url", ["file:///etc/jwks", "id.example.com/jwks", "/jwks"])
def test_published_keys_are_at_an_http_address(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert "JWKS_URL" in fault(monkeypatch, JWKS_URL=url, JWT_ISSUER="i", JWT_AUDIENCE="a")


def test_an_empty_variable_is_as_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, BETTER_AUTH_SECRET="", JWT_ISSUER="", BIND="") == Settings()


def test_the_environment_wins_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("BIND=127.0.0.1:1\nJWT_ISSUER=file\nUNKNOWN=ignored\n")
    settings = read(monkeypatch, BIND="127.0.0.1:2")
    assert (settings.bind, settings.jwt_issuer) == ("127.0.0.1:2", "file")


def test_a_file_that_is_no_text_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"BIND=\xff")
    assert ".env cannot be read" in fault(monkeypatch)


@pytest.mark.parametrize(
    "wrong",
    [
        "JWT_ISSUER='it\nLOG_LEVEL=debug\n",
        "JWT_ISSUER='it\nLOG_LEVEL=debug\nJWT_AUDIENCE='tasks'\n",
        'JWT_ISSUER="it" is\nLOG_LEVEL=debug\n',
    ],
)
def test_a_line_of_the_file_that_would_be_left_out_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wrong: str
) -> None:
    (tmp_path / ".env").write_text(f"# Settings\nBIND=127.0.0.1:1\n\n{wrong}")
    assert ".env cannot be read: line 4 is not NAME=VALUE" in fault(monkeypatch)
    with pytest.raises(SettingsError, match="line 4"):
        read_file()


def test_settings_are_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch)
    with pytest.raises(ValueError, match="frozen"):
        settings.bind = "127.0.0.1:1"


def test_every_fault_is_reported_at_once_without_the_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    message = fault(
        monkeypatch,
        DATABASE_URL="mysql://root:hunter2@localhost/x",
        DATABASE_POOL_SIZE="many",
        BETTER_AUTH_SECRET="hunter2",
        CORS_ORIGINS="https://ok.example.com,*",
        BIND="8000",
        WORKERS="0",
        LOG_LEVEL="loud",
        MIGRATE_ON_START="perhaps",
    )
    lines = message.splitlines()
    assert lines[0] == "The settings are wrong:"
    assert [line.split()[0] for line in lines[1:]] == [
        "DATABASE_URL",
        "DATABASE_POOL_SIZE",
        "MIGRATE_ON_START",
        "BETTER_AUTH_SECRET",
        "CORS_ORIGINS",
        "BIND",
        "WORKERS",
        "LOG_LEVEL",
    ]
    assert "hunter2" not in message


@pytest.mark.parametrize("secret", ["s" * 31, "short", "a" * 64, "abababab" * 8])
def test_a_weak_secret_is_refused(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    assert "BETTER_AUTH_SECRET" in fault(monkeypatch, BETTER_AUTH_SECRET=secret)


def test_a_previous_secret_stands_beside_the_present_one(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(
        monkeypatch, BETTER_AUTH_SECRET=SECRET, BETTER_AUTH_SECRET_PREVIOUS=PREVIOUS_SECRET
    )
    assert settings.better_auth_secret_previous is not None
    assert settings.better_auth_secret_previous.get_secret_value() == PREVIOUS_SECRET
    assert PREVIOUS_SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("present", "previous", "message"),
    [
        (SECRET, "s" * 31, "must have at least 32 bytes"),
        (SECRET, "abababab" * 8, "is too easy to guess"),
        (SECRET, SECRET, "must differ from BETTER_AUTH_SECRET"),
        ("", PREVIOUS_SECRET, "must stand beside BETTER_AUTH_SECRET, which is not set"),
    ],
)
def test_a_previous_secret_is_held_to_the_same_rules(
    monkeypatch: pytest.MonkeyPatch, present: str, previous: str, message: str
) -> None:
    found = fault(monkeypatch, BETTER_AUTH_SECRET=present, BETTER_AUTH_SECRET_PREVIOUS=previous)
    assert found.splitlines()[1].startswith(f"  BETTER_AUTH_SECRET_PREVIOUS {message}")


def test_a_present_secret_that_is_weak_is_not_held_against_the_previous_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = fault(
        monkeypatch, BETTER_AUTH_SECRET="short", BETTER_AUTH_SECRET_PREVIOUS=PREVIOUS_SECRET
    )
    assert [line.split()[0] for line in found.splitlines()[1:]] == ["BETTER_AUTH_SECRET"]


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://ada:hunter2@localhost/tasks"
    settings = read(monkeypatch, BETTER_AUTH_SECRET=SECRET, DATABASE_URL=url)
    assert SECRET not in repr(settings)
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("https://app.example.com", ("https://app.example.com",)),
        (
            "http://localhost:3000, http://[::1]:5173",
            ("http://localhost:3000", "http://[::1]:5173"),
        ),
    ],
)
def test_origins_are_a_list(
    monkeypatch: pytest.MonkeyPatch, text: str, origins: tuple[str, ...]
) -> None:
    assert read(monkeypatch, CORS_ORIGINS=text).cors_origins == origins


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "app.example.com",
        "https://app.example.com/",
        "https://app.example.com/path",
        "https://*.example.com",
        "HTTPS://APP.EXAMPLE.COM",
        "ftp://app.example.com",
        "https://a.example.com,,https://b.example.com",
        "https://user@app.example.com",
        "https://app.example.com:443",
    ],
)
def test_what_is_not_an_exact_origin_is_refused(
    monkeypatch: pytest.MonkeyPatch, origin: str
) -> None:
    assert "CORS_ORIGINS" in fault(monkeypatch, CORS_ORIGINS=origin)


@pytest.mark.parametrize(
    "bind", ["127.0.0.1:8000", "0.0.0.0:80", "[::1]:8000", "localhost:1", "fd://3"]
)
def test_an_address_is_a_host_and_a_port_or_an_inherited_socket(
    monkeypatch: pytest.MonkeyPatch, bind: str
) -> None:
    assert read(monkeypatch, BIND=bind).bind == bind


@pytest.mark.parametrize(
    "bind",
    [
        *("8000", ":8000", "localhost", "localhost:", "localhost:65536", "unix:/run/x:1"),
        *("fd://", "fd://x", "fd://-1", "fd://9999999999"),
    ],
)
def test_what_is_not_an_address_is_refused(monkeypatch: pytest.MonkeyPatch, bind: str) -> None:
    found = fault(monkeypatch, BIND=bind, METRICS_BIND=bind)
    assert [line.split()[:2] for line in found.splitlines()[1:]] == [
        ["BIND", "must"],
        ["METRICS_BIND", "must"],
    ]


def test_metrics_have_an_address_of_their_own_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch).metrics_bind is None
    assert read(monkeypatch, METRICS_BIND="[::1]:9100").metrics_bind == "[::1]:9100"
    found = fault(monkeypatch, METRICS_BIND="127.0.0.1:8000")
    assert "METRICS_BIND must be another address than BIND" in found


def test_a_setting_that_must_be_there_by_now_is_named() -> None:
    assert required("x", "BIND") == "x"
    with pytest.raises(SettingsError, match="DATABASE_URL is not set"):
        required(None, "DATABASE_URL")
