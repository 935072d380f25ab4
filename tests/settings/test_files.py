"""The file and the environment, and the pages that list the settings."""

import os
import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.settings import Settings, SettingsError, read_files, read_settings, required
from app.settings_files import SECRETS
from tests.settings.settings_helpers import error_of, read
from tests.support.folders import ROOT
from tests.support.tokens import SECRET


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
    assert settings.bind == "127.0.0.1:2"
    assert settings.jwt_issuer == ("file",)


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
        read_files()


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


def test_a_secret_is_read_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    values = {"database_url": "postgresql://ada@db/x", "rate_limit_storage": "redis://cache/1"}
    for name, end in zip(SECRETS, ("\n", "\r\n", "", "\n", "", "\r\n"), strict=True):
        path = tmp_path / name
        previous = "previous " if name.endswith("_previous") else ""
        path.write_text(values.get(name, f"{previous}{SECRET}") + end)
        monkeypatch.setenv(f"{name.upper()}_FILE", str(path))
    settings = read_settings()
    assert str(settings.database_url) == "postgresql://ada@db/x"
    assert settings.better_auth_secret == SecretStr(SECRET)
    assert settings.better_auth_secret_previous == SecretStr(f"previous {SECRET}")
    assert settings.rate_limit_storage == SecretStr("redis://cache/1")
    assert SECRET not in repr(settings)
    for name in ("better_auth_secret", "jwt_secret"):
        (tmp_path / name).write_text(f"new {SECRET}")
    again = read_settings(read_files())
    assert again.better_auth_secret == SecretStr(f"new {SECRET}")
    assert again.database_url is not None


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (
            None,
            "cannot read file (No such file or directory). Check its path and permissions.",
        ),
        (b"", "file is empty. Write the secret into it."),
        (b"\n", "file is empty. Write the secret into it."),
        (b"one\ntwo\n", "file is not one line of text. Write only the secret into it."),
        (b"\xff\xfe\x00", "file is not one line of text. Write only the secret into it."),
        (b"x" * 70_000, "file is larger than 64 KiB. Write only the secret into it."),
        ("folder", ". is not a file. Name a file that contains the secret."),
        ("pipe", "file is not a file. Name a file that contains the secret."),
    ],
)
def test_a_file_without_a_secret_is_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | str | None, fault: str
) -> None:
    if content == "pipe":
        os.mkfifo(tmp_path / "file")
    elif isinstance(content, bytes):
        (tmp_path / "file").write_bytes(content)
    path = "." if content == "folder" else "file"
    expected = f"Invalid settings:\n  BETTER_AUTH_SECRET_FILE: {fault}"
    assert error_of(monkeypatch, BETTER_AUTH_SECRET_FILE=path) == expected
    with pytest.raises(SettingsError, match="BETTER_AUTH_SECRET_FILE"):
        read_files()


def test_a_secret_that_is_also_in_a_file_is_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text(SECRET)
    (tmp_path / ".env").write_text(f"BETTER_AUTH_SECRET='{SECRET}'\n")
    twice = "BETTER_AUTH_SECRET: is set twice, also by BETTER_AUTH_SECRET_FILE. Unset one of them."
    assert twice in error_of(monkeypatch, BETTER_AUTH_SECRET_FILE="file")
    with pytest.raises(SettingsError, match="is set twice"):
        read_files()
    (tmp_path / "file").write_text("short")
    monkeypatch.delenv("BETTER_AUTH_SECRET_FILE")
    (tmp_path / ".env").write_text("BETTER_AUTH_SECRET_FILE=file\n")
    assert "BETTER_AUTH_SECRET: must have at least 32 bytes" in error_of(monkeypatch)
