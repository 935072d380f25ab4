"""The log says why tokens are rejected, and quotes nothing that is not signed."""

import json
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import structlog

from app import create_app
from app.auth.bearer import MAX_TOKEN_BYTES
from app.auth.errors import Reason
from app.settings import Settings
from tests.auth.signed_tokens import EXPECTED
from tests.support.clients import sync_client
from tests.support.key_server import KeyServer
from tests.support.keys import jwk, jwk_set
from tests.support.live_server import live
from tests.support.tokens import SECRET
from tests.tokens.specimen import NOW, Json, claims, encode, header, seal

SENTINEL = "sentinel"
Lines = list[MutableMapping[str, Any]]


@contextmanager
def serving(settings: Settings, published: KeyServer) -> Iterator[tuple[httpx.Client, Lines]]:
    """Serve with a secret and published keys; yield a client, and the lines of the log."""
    update = {
        "jwks_url": published.url,
        "jwt_issuer": EXPECTED.issuers,
        "jwt_audience": EXPECTED.audiences,
        "jwt_required_claims": {"token_use": ("access",)},
        "rate_limit": None,
    }
    app = create_app(settings.model_copy(update=update))
    with structlog.testing.capture_logs() as lines, live(app) as server, sync_client(server) as me:
        yield me, lines


def send(client: httpx.Client, token: str) -> None:
    response = client.get("/api/me", headers={"Authorization": f"Bearer {token}"})
    assert (response.status_code, response.json()["code"]) == (401, "invalid_token")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def rejected(lines: Lines) -> list[tuple[str, str]]:
    """Return the codes and reasons of the warnings."""
    assert {each["log_level"] for each in lines if each["event"] == "token rejected"} <= {"warning"}
    return [(each["code"], each["reason"]) for each in lines if each["event"] == "token rejected"]


def unsigned(**changes: Json) -> str:
    """Return a token of a stranger, whose header and claims contain the sentinel."""
    head = header("HS256", **{"kid": SENTINEL, **changes})
    return seal(claims(sub=SENTINEL, aud=SENTINEL), head, secret=b"of a stranger" * 3)


WITHOUT_SIGNATURE = {
    Reason.NOT_A_JWT: f"{SENTINEL}-opaque",
    Reason.ENCRYPTED: f"{encode(b'{}')}..{SENTINEL}.{SENTINEL}.{SENTINEL}",
    Reason.MALFORMED: f"{SENTINEL}=",
    Reason.HEADER: unsigned(jku=SENTINEL),
    Reason.ALGORITHM: unsigned(alg=SENTINEL),
    Reason.UNKNOWN_KEY: unsigned(alg="RS256"),
    Reason.SIGNATURE: unsigned(),
}
SIGNED: dict[Reason, tuple[Json, str]] = {
    Reason.CLAIMS: ({"exp": "soon"}, 'exp is "soon", which is not a number of seconds'),
    Reason.ISSUER: (
        {"iss": f"{EXPECTED.issuers[0]}/"},
        'iss is "https://id.example.com/", JWT_ISSUER is "https://id.example.com": they differ in',
    ),
    Reason.AUDIENCE: (
        {"aud": [], "azp": "web"},
        'aud is [], JWT_AUDIENCE is "taskward"; azp is "web": JWT_REQUIRED_CLAIMS can check that',
    ),
    Reason.REQUIRED_CLAIM: (
        {"token_use": "refresh"},
        'token_use is "refresh", JWT_REQUIRED_CLAIMS requires "access"',
    ),
    Reason.USER: ({"sub": 42}, "sub is 42, which is not a string"),
    Reason.EXPIRED: ({"exp": NOW - 1000}, "exp is in the past, by this machine's clock"),
    Reason.NOT_YET_VALID: ({"nbf": NOW + 9000}, "nbf is in the future, by this machine's clock"),
}


def test_each_reason_is_one_warning_in_words(settings: Settings, published: KeyServer) -> None:
    assert {Reason.SCHEME, *WITHOUT_SIGNATURE, *SIGNED} == {*Reason}
    with serving(settings, published) as (client, lines):
        for _ in range(3):
            for token in WITHOUT_SIGNATURE.values():
                send(client, token)
            for changes, _ in SIGNED.values():
                send(client, seal(claims(**{"token_use": "access", **changes})))
    found = rejected(lines)
    assert [code for code, _ in found] == [*WITHOUT_SIGNATURE, *SIGNED]
    for code, reason in found:
        assert code not in SIGNED or SIGNED[Reason(code)][1] in reason
    assert SENTINEL not in json.dumps(lines, default=repr)
    assert SECRET not in json.dumps(lines, default=repr)


def test_a_header_without_bearer_is_a_reason(settings: Settings, published: KeyServer) -> None:
    with serving(settings, published) as (client, lines):
        assert client.get("/api/me").json()["code"] == "missing_token"
        assert not rejected(lines)
        for scheme in ("", "Token ", "Basic ", "Bearer\t"):
            headers = {"Authorization": scheme + seal(claims(sub=SENTINEL))}
            response = client.get("/api/me", headers=headers)
            assert response.json()["code"] == "missing_token"
            assert response.headers["WWW-Authenticate"] == "Bearer"
    words = "the Authorization header does not begin with Bearer and a space"
    assert rejected(lines) == [("scheme", words)]
    assert SENTINEL not in json.dumps(lines, default=repr)


def test_garbage_of_strangers_hides_no_reason(settings: Settings, published: KeyServer) -> None:
    with serving(settings, published) as (client, lines):
        for number in range(50):
            send(client, f"garbage-{number}")
            send(client, unsigned(kid=str(number)))
        send(client, seal(claims(aud="account")))
        send(client, seal(claims(aud="other")))
    assert [code for code, _ in rejected(lines)] == [
        *("not_a_jwt", "signature", "audience", "audience"),
    ]


def test_quoted_claims_are_short_and_printable(settings: Settings, published: KeyServer) -> None:
    wild = "\x1b[31m\n\u202e\x7f\x9b\u2028" + "x" * 5_000
    with serving(settings, published) as (client, lines):
        send(client, seal(claims(aud=wild)))
        send(client, seal(claims(aud=[wild] * 2, iss="x")))
        send(client, seal(claims(sub=wild, token_use="access")))
    for _, reason in rejected(lines):
        assert reason.isascii()
        assert reason.isprintable()
        assert len(reason) < 300


def test_a_long_token_is_named(settings: Settings, published: KeyServer) -> None:
    with serving(settings, published) as (client, lines):
        send(client, "x" * (MAX_TOKEN_BYTES + 1))
        longest = seal(claims(token_use="access", groups=["x" * 11_000]))
        assert MAX_TOKEN_BYTES * 0.85 < len(longest) <= MAX_TOKEN_BYTES
        headers = {"Authorization": f"Bearer {longest}"}
        assert client.get("/api/me", headers=headers).status_code == 200
    [(code, reason)] = rejected(lines)
    assert code == "malformed"
    assert f"more than {MAX_TOKEN_BYTES} bytes" in reason


def test_keys_that_are_left_out_are_named_once(settings: Settings, published: KeyServer) -> None:
    published.document = jwk_set(
        jwk("EdDSA"),
        jwk("RS256") | {"use": "enc", "alg": "RSA-OAEP"},
        jwk("ES256") | {"crv": "secp256k1", "alg": "ES256K", "kid": "k1\x1b"},
        {"kty": "AKP", "alg": "ML-DSA-65", "kid": "pq"},
    )
    with serving(settings, published) as (client, lines):
        for number in range(3):
            send(client, seal(None, header("EdDSA", kid=str(number)), "EdDSA"))
    [line] = [each for each in lines if each["event"] == "keys left out"]
    assert line["keys"] == [
        'kid "k1\\u001b", kty "EC", crv "secp256k1", alg "ES256K": not supported',
        'kid "pq", kty "AKP", alg "ML-DSA-65": not supported',
    ]


def test_readiness_tells_no_keys_from_unsupported_ones(
    settings: Settings, published: KeyServer
) -> None:
    published.document = jwk_set(jwk("ES256") | {"crv": "secp256k1", "alg": "ES256K"})
    with serving(settings, published) as (client, lines):
        detail = client.get("/health/ready").json()["detail"]
    assert detail == "keys: the issuer publishes no key that Taskward supports."
    assert [each["event"] for each in lines if "key" in each["event"]] == [
        "keys left out",
        "no supported key",
    ]


def test_unsupported_keys_are_one_warning_until_there_are_others(
    settings: Settings, published: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.auth.issuer.PAUSE_WITHOUT_KEYS_SECONDS", 0)
    monkeypatch.setattr("app.lasting_event.CALM_SECONDS", 0)
    published.document = b'{"keys": []}'
    with serving(settings, published) as (client, lines):
        for _ in range(3):
            assert client.get("/health/ready").status_code == 503
        published.document = jwk_set()
        assert client.get("/health/ready").status_code == 200
    found = [(each["event"], each.get("times")) for each in lines if "key" in each["event"]]
    assert found == [("no supported key", None), ("supported keys again", 3)]


def test_a_failing_fetch_of_keys_is_one_warning(
    settings: Settings, published: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.auth.issuer.PAUSE_WITHOUT_KEYS_SECONDS", 0)
    monkeypatch.setattr("app.lasting_event.CALM_SECONDS", 0)
    published.status = 503
    with serving(settings, published) as (client, lines):
        for _ in range(5):
            assert client.get("/health/ready").status_code == 503
        published.status = 200
        assert client.get("/health/ready").status_code == 200
    found = [each for each in lines if "key" in each["event"]]
    assert [(each["event"], each.get("reason")) for each in found] == [
        ("key fetch failed", "status 503"),
        ("keys fetched again", None),
    ]
    assert {each["address"] for each in found} == {published.url}
