"""Keys whose address the issuer's discovery document names."""

import json
from collections.abc import AsyncIterator

import pytest

from app.auth import issuer as issuers
from app.auth.errors import InvalidKeySetError, InvalidTokenError, KeysUnavailableError
from app.auth.key_sources import Discovery
from app.auth.tokens import TokenVerifier
from tests.auth.signed_tokens import EXPECTED, signed_token, user_of
from tests.support.key_server import KeyServer
from tests.support.keys import jwk, jwk_set

WELL_KNOWN = "/.well-known/openid-configuration"


@pytest.fixture
def issuer(published: KeyServer) -> str:
    return published.url.removesuffix("/jwks")


@pytest.fixture
async def discovering(issuer: str) -> AsyncIterator[TokenVerifier]:
    verifier = TokenVerifier(source=Discovery(issuer), expected=EXPECTED)
    yield verifier
    await verifier.close()


async def test_the_document_names_the_address_of_the_keys(
    discovering: TokenVerifier, published: KeyServer, issuer: str
) -> None:
    published.serve_discovery(issuer)
    assert await user_of(discovering, signed_token()) == "ada"
    assert published.paths == [WELL_KNOWN, "/jwks"]


@pytest.mark.parametrize("path", ["/", "/realms/team", "/realms/team/"])
async def test_the_address_of_the_document_has_no_double_slash(
    published: KeyServer, issuer: str, path: str
) -> None:
    published.serve_discovery(issuer + path)
    verifier = TokenVerifier(source=Discovery(issuer + path), expected=EXPECTED)
    assert await user_of(verifier, signed_token()) == "ada"
    assert published.paths == [path.rstrip("/") + WELL_KNOWN, "/jwks"]


async def test_the_document_is_read_again_with_the_keys(
    discovering: TokenVerifier, published: KeyServer, issuer: str
) -> None:
    published.serve_discovery(issuer)
    assert await user_of(discovering, signed_token()) == "ada"
    published.serve_discovery(issuer, jwks_uri=f"{issuer}/moved")
    published.documents["/jwks"] = b"gone"
    published.documents["/moved"] = jwk_set(jwk("EdDSA", 2))
    assert await user_of(discovering, signed_token(generation=2)) == "ada"
    with pytest.raises(InvalidTokenError):
        await discovering.verify(signed_token())


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"issuer": "ISSUER"}',
        b'{"issuer": "ISSUER/", "jwks_uri": "ISSUER/jwks"}',
        b'{"issuer": ["ISSUER"], "jwks_uri": "ISSUER/jwks"}',
        b'{"issuer": "https://evil.example.com", "jwks_uri": "ISSUER/jwks"}',
        b'{"issuer": "https://evil.example.com", "issuer": "ISSUER", "jwks_uri": "ISSUER/jwks"}',
        b'{"jwks_uri": "ISSUER/jwks"}',
        b'{"issuer": "ISSUER", "jwks_uri": ["ISSUER/jwks"]}',
        b'{"issuer": "ISSUER", "jwks_uri": "/jwks"}',
        b'{"issuer": "ISSUER", "jwks_uri": "file:///etc/passwd"}',
        b'{"issuer": "ISSUER", "jwks_uri": "ISSUER/redirect"}',
        b'{"issuer": "ISSUER", "jwks_uri": "ISSUER/.well-known/openid-configuration"}',
        b'{"issuer": "ISSUER", "jwks_uri": "ISSUER/jwks"}' + b" " * 300_000,
    ],
)
async def test_a_lying_document_gives_no_keys(
    discovering: TokenVerifier, published: KeyServer, issuer: str, document: bytes
) -> None:
    published.documents[WELL_KNOWN] = document.replace(b"ISSUER", issuer.encode())
    published.redirects["/redirect"] = "/jwks"
    with pytest.raises(KeysUnavailableError):
        await user_of(discovering, signed_token())


async def test_a_redirect_of_the_document_is_not_followed(
    discovering: TokenVerifier, published: KeyServer, issuer: str
) -> None:
    published.serve_discovery(issuer)
    published.documents["/elsewhere"] = published.documents[WELL_KNOWN]
    published.redirects[WELL_KNOWN] = "/elsewhere"
    with pytest.raises(KeysUnavailableError):
        await user_of(discovering, signed_token())
    assert published.paths == [WELL_KNOWN]


@pytest.mark.parametrize(
    "address",
    [
        *("http://id.example.com/jwks", "file:///etc/passwd", "//id.example.com/jwks", "/jwks"),
        *("https://", "https:///jwks", "https://ada@id.example.com/jwks", "https://[/jwks", ""),
        *("ftp://id.example.com/jwks", "javascript:alert(1)", 7, None, [], {}),
        *(
            "https://id.example.com:99999/",
            "https://id.example.com:-1/",
            "https://h:x/",
            "https://h/\x1b[2J",
        ),
    ],
)
def test_keys_of_an_https_issuer_are_at_an_https_address(address: object) -> None:
    source = Discovery("https://id.example.com")
    document = json.dumps({"issuer": source.issuer, "jwks_uri": address}).encode()
    with pytest.raises(InvalidKeySetError, match="is not an https address"):
        source.key_address_in(document)
    elsewhere = {"issuer": source.issuer, "jwks_uri": "https://www.example.org:8443/keys?v=1"}
    address = source.key_address_in(json.dumps(elsewhere).encode())
    assert address == elsewhere["jwks_uri"]


@pytest.mark.parametrize(
    "issuer",
    [
        *("https://[::1", "http://127.0.0.1:99999", "http://127.0.0.1:-1", "http://127.0.0.1:0"),
        *("http://", "https:///x", "https://ada:secret@id.example.com", "https://a..b\u00e4", "x"),
        "http://127.0.0.1:1/\x7f",
    ],
)
async def test_an_issuer_that_is_no_url_gives_no_keys(issuer: str) -> None:
    with pytest.raises(InvalidKeySetError):
        await Discovery(issuer).fetch()


def test_the_error_names_both_issuers() -> None:
    document = b'{"issuer": "https://id.example.com/\\u001b[31m", "jwks_uri": "https://x"}'
    with pytest.raises(InvalidKeySetError) as raised:
        Discovery("https://id.example.com").key_address_in(document)
    assert str(raised.value).startswith(
        'JWT_ISSUER is "https://id.example.com", but its discovery document names the issuer '
        r'"https://id.example.com/\u001b[31m". Set JWT_ISSUER'
    )


async def test_requests_wait_for_an_issuer_that_starts_later(
    discovering: TokenVerifier, published: KeyServer, issuer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuers, "PAUSE_WITHOUT_KEYS_SECONDS", 0)
    published.serve_discovery(issuer)
    published.stop()
    with pytest.raises(KeysUnavailableError):
        await user_of(discovering, signed_token())
    assert await discovering.keys_fault() == "none could be fetched from the issuer yet"
    published.start()
    assert await user_of(discovering, signed_token()) == "ada"
    assert await discovering.keys_fault() == ""
