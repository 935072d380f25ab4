"""Tests of the issuer's responses: only a valid key set is accepted."""

import gzip
import json
import zlib

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from app.auth import fetching
from app.auth.errors import InvalidKeySetError, KeysUnavailableError
from app.auth.tokens import TokenVerifier
from quart_contract.strict_json import JsonValue
from tests.auth.signed_tokens import signed_token, user_of
from tests.support.key_server import KeyServer
from tests.support.keys import jwk, jwk_set


def _unusable(jwk_: dict[str, JsonValue], **changes: JsonValue) -> bytes:
    return jwk_set({**jwk_, **changes})


def _private_rsa() -> dict[str, JsonValue]:
    members: dict[str, JsonValue] = json.loads(
        RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048))
    )
    return members


def _short_rsa() -> dict[str, JsonValue]:
    short = rsa.generate_private_key(65537, 1024).public_key()  # noqa: S505 - it must be rejected
    members: dict[str, JsonValue] = json.loads(RSAAlgorithm.to_jwk(short))
    return members


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": []}',
        b'{"keys": [1, null, "x", []]}',
        b'{"keys": [], "keys": []}',
        _unusable(jwk("EdDSA"), use="enc"),
        _unusable(jwk("EdDSA"), key_ops=["sign"]),
        _unusable(jwk("EdDSA"), crv="Ed448"),
        _unusable(jwk("EdDSA"), x="AAAA"),
        _unusable(jwk("EdDSA"), kid=7),
        _unusable(jwk("ES256"), alg="ES512"),
        _unusable(jwk("ES256"), y=jwk("ES256", 2)["y"]),  # not a point of the curve
        _unusable(jwk("ES256"), alg="HS256"),
        _unusable(jwk("RS256"), n=None),
        jwk_set({"kty": "oct", "k": "AAAA", "kid": "EdDSA-1"}),
        jwk_set(_private_rsa()),
        jwk_set(_short_rsa()),
    ],
)
async def test_a_document_without_a_usable_key_is_none(
    verifier: TokenVerifier, published: KeyServer, document: bytes
) -> None:
    published.document = document
    with pytest.raises(KeysUnavailableError):
        await user_of(verifier, signed_token())


async def test_keys_of_other_kinds_do_not_spoil_the_set(
    verifier: TokenVerifier, published: KeyServer
) -> None:
    published.document = jwk_set({"kty": "new"}, jwk("RS256") | {"use": "enc"}, jwk("EdDSA"))
    assert await user_of(verifier, signed_token()) == "ada"


@pytest.mark.parametrize(
    ("status", "headers"),
    [(500, {}), (404, {}), (204, {}), (302, {"Location": "/jwks?again"})],
    ids=str,
)
async def test_an_answer_that_is_no_200_is_none(
    verifier: TokenVerifier, published: KeyServer, status: int, headers: dict[str, str]
) -> None:
    published.status, published.headers = status, headers
    with pytest.raises(KeysUnavailableError):
        await user_of(verifier, signed_token())
    assert published.requests == 1


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP", "identity, gzip", "identity", ""])
async def test_a_key_set_may_be_compressed(
    verifier: TokenVerifier, published: KeyServer, encoding: str
) -> None:
    published.headers = {"Content-Encoding": encoding}
    if "gzip" in encoding.lower():
        published.document = gzip.compress(jwk_set())
    assert await user_of(verifier, signed_token()) == "ada"


@pytest.mark.parametrize(
    ("encoding", "document"),
    [
        ("gzip", jwk_set()),
        ("gzip", gzip.compress(jwk_set())[:-1]),
        ("gzip", gzip.compress(jwk_set()) + b"more"),
        ("gzip", gzip.compress(jwk_set() + b" " * fetching.MAX_BYTES)),
        ("gzip", gzip.compress(b" " * 1000 * fetching.MAX_BYTES, 9)[:-8]),
        ("gzip, gzip", gzip.compress(gzip.compress(jwk_set()))),
        ("br", jwk_set()),
        ("deflate", zlib.compress(jwk_set())),
    ],
    ids=range(8),
)
async def test_a_key_set_that_is_not_valid_gzip_is_rejected(
    verifier: TokenVerifier, published: KeyServer, encoding: str, document: bytes
) -> None:
    published.headers = {"Content-Encoding": encoding}
    published.document = document
    with pytest.raises(KeysUnavailableError):
        await user_of(verifier, signed_token())


@pytest.mark.parametrize("proxy", ["foo://ada:hunter2@proxy", "socks5://proxy:1080", "http://[a"])
async def test_a_proxy_that_is_not_usable_fails_the_fetch(
    published: KeyServer, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(InvalidKeySetError) as raised:
        await fetching.fetch(published.url)
    assert "hunter2" not in str(raised.value)


async def test_an_answer_that_is_too_large_is_given_up(
    verifier: TokenVerifier, published: KeyServer
) -> None:
    published.document = jwk_set() + b" " * fetching.MAX_BYTES
    with pytest.raises(KeysUnavailableError):
        await user_of(verifier, signed_token())


async def test_an_answer_that_takes_too_long_is_given_up(
    verifier: TokenVerifier, published: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "FETCH_SECONDS", 0.1)
    published.seconds = 0.5
    with pytest.raises(KeysUnavailableError):
        await user_of(verifier, signed_token())
