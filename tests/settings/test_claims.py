"""The settings that decide which tokens are valid."""

import pytest

from app.auth.expected import Expected
from tests.settings.settings_helpers import error_of, read
from tests.settings.test_secrets import PREVIOUS_SECRET, SECRET

ISSUER = "https://id.example.com"


def test_issuers_and_audiences_are_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, JWT_ISSUER=f"{ISSUER},{ISSUER}/", JWT_AUDIENCE=r"a,b\,c,d\\e=|")
    assert settings.jwt_issuer == (ISSUER, f"{ISSUER}/")
    assert settings.jwt_audience == ("a", "b,c", r"d\e=|")


@pytest.mark.parametrize(
    ("text", "required"),
    [
        ("azp=web", {"azp": ("web",)}),
        (
            "azp=https://a.example|https://b.example:1/?x=1,token_use=access",
            {"azp": ("https://a.example", "https://b.example:1/?x=1"), "token_use": ("access",)},
        ),
        (r"sub=auth0\|1|a\,b,x\=y=\\", {"sub": ("auth0|1", "a,b"), "x=y": ("\\",)}),
        ("https://example.com/role=user", {"https://example.com/role": ("user",)}),
        ("a==", {"a": ("=",)}),
    ],
)
def test_required_claims_have_values(
    monkeypatch: pytest.MonkeyPatch, text: str, required: dict[str, tuple[str, ...]]
) -> None:
    assert read(monkeypatch, JWT_REQUIRED_CLAIMS=text).expected_claims == Expected(claims=required)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("JWT_ISSUER", f"{ISSUER} ", "has white space at its ends. Remove it."),
        ("JWT_ISSUER", f"{ISSUER}, x", "has white space at its ends. Remove it."),
        ("JWT_ISSUER", f'"{ISSUER}"', "is in quotes. Remove them."),
        ("JWT_ISSUER", f"'{ISSUER}','x'", "is in quotes. Remove them."),
        ("JWT_ISSUER", f"\u201c{ISSUER}\u201d", "is in quotes. Remove them."),
        ("JWT_ISSUER", f"{ISSUER},", "has an empty entry"),
        ("JWT_ISSUER", f'["{ISSUER}", "x"]', "is in brackets. Separate the values with commas"),
        ("JWT_ISSUER", "\t", "has white space at its ends"),
        ("JWT_ISSUER", r"a\b", "has a single backslash"),
        ("JWT_ISSUER", "a\\", "has a single backslash"),
        ("JWT_AUDIENCE", "'a'", "is in quotes"),
        ("JWT_AUDIENCE", "\na", "has white space at its ends"),
        ("JWT_AUDIENCE", "a,,b", "has an empty entry"),
        ("JWT_AUDIENCE", "any,a", "must be any alone"),
        ("JWT_REQUIRED_CLAIMS", "azp", "must have the form"),
        ("JWT_REQUIRED_CLAIMS", "azp=", "must have the form"),
        ("JWT_REQUIRED_CLAIMS", "=a", "must have the form"),
        ("JWT_REQUIRED_CLAIMS", "azp=a|", "must have the form"),
        ("JWT_REQUIRED_CLAIMS", "azp=a,,b=c", "must have the form"),
        ("JWT_REQUIRED_CLAIMS", "azp=a,azp=b", "has the claim azp twice"),
        ("JWT_REQUIRED_CLAIMS", "azp= a", "has white space at its ends"),
        ("JWT_REQUIRED_CLAIMS", "azp=a, b=c", "has white space at its ends"),
        ("JWT_REQUIRED_CLAIMS", "azp='a'", "is in quotes"),
        ("JWT_USER_CLAIM", " sub", "has white space at its ends"),
        ("JWT_USER_CLAIM", '"sub"', "is in quotes"),
        ("JWT_USER_CLAIM", "iss", "must be a claim that identifies a user"),
        ("JWT_USER_CLAIM", "tid", "must be a claim that identifies a user"),
        ("JWT_USER_CLAIM", "sid", "must be a claim that identifies a user"),
        ("BETTER_AUTH_SECRET", f"{SECRET}\n", "has white space at its ends. Remove it."),
        ("BETTER_AUTH_SECRET", f'"{SECRET}"', "is in quotes. Remove them."),
        ("JWT_SECRET", f"'{SECRET}'", "is in quotes. Remove them."),
        ("JWT_SECRET", "short", "must have at least 32 bytes"),
    ],
)
def test_a_value_that_was_copied_wrongly_is_rejected(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    found = error_of(monkeypatch, **{name: value}).splitlines()
    assert len(found) == 2
    assert found[1].startswith(f"  {name}: {message}")
    assert SECRET not in found[1]


def test_keys_need_required_claims_or_an_audience(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"JWKS_URL": f"{ISSUER}/jwks", "JWT_ISSUER": ISSUER}
    assert "JWT_AUDIENCE: is required with JWKS_URL" in error_of(monkeypatch, **keys)
    assert read(monkeypatch, JWT_REQUIRED_CLAIMS="azp=web").expected_claims.audiences == ()
    monkeypatch.delenv("JWT_REQUIRED_CLAIMS")
    assert read(monkeypatch, JWT_AUDIENCE="any").expected_claims.audiences == ()
    # A fault of the claims is reported alone.
    monkeypatch.delenv("JWT_AUDIENCE")
    assert "JWT_AUDIENCE" not in error_of(monkeypatch, JWT_REQUIRED_CLAIMS="azp")


def test_keys_are_discovered_without_a_url_and_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "JWT_AUDIENCE: is required" in error_of(monkeypatch, JWT_ISSUER=ISSUER)
    assert read(monkeypatch, JWT_AUDIENCE="a").discovered_issuer == ISSUER
    names = f"id.example.com,{ISSUER},{ISSUER}/2"
    assert read(monkeypatch, JWT_ISSUER=names).discovered_issuer == ISSUER
    assert not read(monkeypatch, JWT_ISSUER="a name").discovered_issuer
    assert not read(monkeypatch, JWT_ISSUER=ISSUER, BETTER_AUTH_SECRET=SECRET).discovered_issuer
    monkeypatch.delenv("BETTER_AUTH_SECRET")
    settings = read(monkeypatch, JWT_ISSUER=ISSUER)
    assert settings.with_generated_secret(None).discovered_issuer
    assert not read(monkeypatch, JWKS_URL=f"{ISSUER}/jwks").discovered_issuer


def test_a_secret_has_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    one = read(monkeypatch, JWT_SECRET=SECRET, JWT_SECRET_PREVIOUS=PREVIOUS_SECRET)
    monkeypatch.setenv("BETTER_AUTH_SECRET", SECRET)
    monkeypatch.setenv("BETTER_AUTH_SECRET_PREVIOUS", PREVIOUS_SECRET)
    both = read(monkeypatch)
    monkeypatch.delenv("JWT_SECRET")
    for settings in (one, both, read(monkeypatch)):
        present, previous = settings.better_auth_secret, settings.better_auth_secret_previous
        assert present is not None
        assert previous is not None
        assert present.get_secret_value() == SECRET
        assert previous.get_secret_value() == PREVIOUS_SECRET


def test_two_names_have_the_same_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    found = error_of(monkeypatch, JWT_SECRET=SECRET, BETTER_AUTH_SECRET=PREVIOUS_SECRET)
    assert "BETTER_AUTH_SECRET: differs from JWT_SECRET, its other name. Unset one" in found
    assert SECRET not in found
