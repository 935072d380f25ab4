"""Weak secrets are rejected, and no secret is shown."""

import pytest

from tests.settings.settings_helpers import error_of, read

SECRET = "kG7vT2qLx9Zp4RmWb8NcYd3HsJf6AeUo"
PREVIOUS_SECRET = "pW4zR8nKc2Vt7YbQ5mLs9XhDf3JgAeUi"


@pytest.mark.parametrize("secret", ["s" * 31, "short", "a" * 64, "abababab" * 8])
def test_a_weak_secret_is_refused(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    assert "BETTER_AUTH_SECRET" in error_of(monkeypatch, BETTER_AUTH_SECRET=secret)


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
        ("", PREVIOUS_SECRET, "needs BETTER_AUTH_SECRET, which is not set"),
    ],
)
def test_a_previous_secret_is_held_to_the_same_rules(
    monkeypatch: pytest.MonkeyPatch, present: str, previous: str, message: str
) -> None:
    found = error_of(monkeypatch, BETTER_AUTH_SECRET=present, BETTER_AUTH_SECRET_PREVIOUS=previous)
    assert found.splitlines()[1].startswith(f"  BETTER_AUTH_SECRET_PREVIOUS: {message}")


def test_a_weak_secret_is_no_error_of_the_previous_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = error_of(
        monkeypatch, BETTER_AUTH_SECRET="short", BETTER_AUTH_SECRET_PREVIOUS=PREVIOUS_SECRET
    )
    assert [line.split()[0] for line in found.splitlines()[1:]] == ["BETTER_AUTH_SECRET:"]


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://ada:hunter2@localhost/tasks"
    settings = read(monkeypatch, BETTER_AUTH_SECRET=SECRET, DATABASE_URL=url)
    assert SECRET not in repr(settings)
    assert "hunter2" not in repr(settings)
