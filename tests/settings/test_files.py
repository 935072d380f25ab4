"""The file and the environment, and the pages that list the settings."""

import re
from pathlib import Path

import pytest

from app.settings import Settings, SettingsError, read_file, read_settings, required
from tests.settings.settings_helpers import error_of, read
from tests.support.folders import ROOT


def test_env_example_lists_exactly_the_settings_that_exist() -> None:
    text = (ROOT / ".env.example").read_text()
    listed = re.findall(r"(?m)^#?\s?([A-Z_]+)=", text)
    assert sorted(listed) == sorted(name.upper() for name in Settings.model_fields)
    assert len(listed) == len(set(listed))


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
    assert ".env cannot be read" in error_of(monkeypatch)


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
    assert ".env cannot be read: line 4 is not NAME=VALUE" in error_of(monkeypatch)
    with pytest.raises(SettingsError, match="line 4"):
        read_file()


def test_settings_are_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch)
    with pytest.raises(ValueError, match="frozen"):
        settings.bind = "127.0.0.1:1"


def test_every_fault_is_reported_at_once_without_the_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    message = error_of(
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
    assert lines[0] == "Invalid settings:"
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
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


def test_a_setting_that_must_be_there_by_now_is_named() -> None:
    assert required("x", "BIND") == "x"
    with pytest.raises(SettingsError, match="DATABASE_URL is not set"):
        required(None, "DATABASE_URL")
