"""Read settings as a process does."""

import pytest

from app.settings import Settings, SettingsError, read_settings


def read(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return read_settings()


def error_of(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    with pytest.raises(SettingsError) as raised:
        read(monkeypatch, **environment)
    return str(raised.value)
