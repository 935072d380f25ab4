"""The issuer's keys: fetched once, kept while it is unavailable, and dropped when withdrawn."""

import asyncio
import base64
import itertools
import json
import time
from datetime import timedelta

import pytest

from app import create_app
from app.auth import fetch_budget, issuer
from app.auth.errors import InvalidTokenError, KeysUnavailableError
from app.auth.key_sources import KeyAddress
from app.auth.tokens import TokenVerifier
from app.settings import Settings
from quart_contract.strict_json import JsonValue
from tests.auth.signed_tokens import signed_token, user_of
from tests.support.clients import async_client
from tests.support.key_server import KeyServer
from tests.support.keys import ALGORITHMS, jwk, jwk_set, sign_with_key
from tests.support.live_server import live
from tests.support.tokens import ISSUER, SECRET, claims_for, token_for
from tests.support.waiting import until
from tests.tokens.specimen import seal


async def test_a_token_needs_no_kid_if_one_key_matches(
    verifier: TokenVerifier, published: KeyServer
) -> None:
    unnamed = jwk("EdDSA") | {"kid": None}
    published.document = jwk_set(
        {name: value for name, value in unnamed.items() if value is not None}
    )
    assert await user_of(verifier, signed_token(kid=None)) == "ada"


async def test_a_token_without_kid_is_rejected_if_two_keys_match(
    verifier: TokenVerifier, published: KeyServer
) -> None:
    published.document = jwk_set(jwk("EdDSA"), jwk("EdDSA", 2))
    with pytest.raises(InvalidTokenError):
        await user_of(verifier, signed_token(kid=None))


async def test_without_a_secret_no_hs256_token_holds(published: KeyServer) -> None:
    with pytest.raises(InvalidTokenError):
        await user_of(TokenVerifier(source=KeyAddress(published.url)), token_for("ada"))
    assert published.requests == 0


async def test_a_public_key_never_stands_in_for_the_secret(
    verifier: TokenVerifier, published: KeyServer
) -> None:
    shared = base64.urlsafe_b64encode(SECRET.encode()).rstrip(b"=").decode()
    oct_key: JsonValue = {"kty": "oct", "k": shared, "kid": "EdDSA-1", "alg": "EdDSA"}
    assert isinstance(oct_key, dict)
    published.document = jwk_set(oct_key, jwk("RS256"))
    claims = claims_for("ada", **ISSUER)
    for secret in (json.dumps(jwk("RS256")), shared, str(jwk("EdDSA")["x"])):
        for kid in ("EdDSA-1", "RS256-1"):
            head = {"alg": "HS256", "kid": kid}
            forged = seal(claims, head, secret=secret.encode())
            with pytest.raises(InvalidTokenError):
                await user_of(verifier, forged)


async def test_keys_that_the_issuer_rotates_in_are_found(
    verifier: TokenVerifier, published: KeyServer
) -> None:
    assert await user_of(verifier, signed_token()) == "ada"
    published.document = jwk_set(jwk("EdDSA"), jwk("EdDSA", 2))
    assert await user_of(verifier, signed_token(generation=2)) == "ada"
    assert published.requests == 2


async def test_a_key_that_is_withdrawn_takes_its_tokens_with_it(
    verifier: TokenVerifier, published: KeyServer
) -> None:
    old = signed_token()
    assert await user_of(verifier, old) == "ada"
    published.document = jwk_set(jwk("EdDSA", 2))
    assert await user_of(verifier, signed_token(generation=2)) == "ada"
    with pytest.raises(InvalidTokenError):
        await user_of(verifier, old)


async def test_an_empty_key_set_withdraws_all_keys(
    verifier: TokenVerifier, published: KeyServer
) -> None:
    old = signed_token()
    assert await user_of(verifier, old) == "ada"
    published.document = b'{"keys": []}'
    with pytest.raises(InvalidTokenError):
        await user_of(verifier, signed_token(generation=2))
    with pytest.raises(KeysUnavailableError):
        await user_of(verifier, old)


async def test_stale_keys_are_fetched_again_in_the_background(
    verifier: TokenVerifier, published: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = signed_token()
    assert await user_of(verifier, old) == "ada"
    monkeypatch.setattr(issuer, "MAX_AGE_SECONDS", 0)
    monkeypatch.setattr(issuer, "PAUSE_SECONDS", 0)
    published.document = jwk_set(jwk("EdDSA", 2))
    assert await user_of(verifier, old) == "ada"

    async def is_rejected() -> bool:
        try:
            return not await user_of(verifier, old)
        except InvalidTokenError:
            return True

    await until(is_rejected)


async def test_many_unknown_keys_cause_one_fetch(
    verifier: TokenVerifier, published: KeyServer
) -> None:
    await user_of(verifier, signed_token())
    for number in range(50):
        with pytest.raises(InvalidTokenError):
            await user_of(verifier, signed_token(kid=f"unknown-{number}"))
    assert published.requests == 2


async def unknown(verifier: TokenVerifier, kid: str, address: str) -> None:
    """Verify a token with a key id that the issuer does not have, from an address."""
    with pytest.raises(InvalidTokenError):
        await verifier.verify(signed_token(kid=kid), address)


async def test_unknown_keys_of_an_address_delay_no_other_address(
    verifier: TokenVerifier, published: KeyServer
) -> None:
    await user_of(verifier, signed_token())
    for number in range(30):
        await unknown(verifier, f"unknown-{number}", "192.0.2.1")
    assert published.requests == 2
    published.document = jwk_set(jwk("EdDSA"), jwk("EdDSA", 2))
    assert await verifier.verify(signed_token(generation=2), "198.51.100.1") == "ada"
    assert published.requests == 3


@pytest.mark.parametrize("addresses", [1, 10_000])
async def test_unknown_keys_delay_a_rotation_by_one_refill_at_most(
    verifier: TokenVerifier,
    published: KeyServer,
    monkeypatch: pytest.MonkeyPatch,
    addresses: int,
) -> None:
    refill = 2.0
    monkeypatch.setattr(fetch_budget, "REFILL_SECONDS", refill)
    await user_of(verifier, signed_token())
    began = time.monotonic()
    attempts = itertools.count()

    async def attack() -> None:
        while True:
            number = next(attempts)
            await unknown(verifier, f"unknown-{number}", f"stranger-{number % addresses}")
            await asyncio.sleep(0.02)

    attackers = [asyncio.create_task(attack()) for _ in range(2)]
    await asyncio.sleep(1.5 * refill)
    published.document = jwk_set(jwk("EdDSA"), jwk("EdDSA", 2))
    rotated_at, before = time.monotonic(), published.requests
    new = signed_token(generation=2)
    # Unknown keys were also named from the address of this client.
    while not await holds(verifier, new, "stranger-0"):
        assert time.monotonic() - rotated_at < 2 * refill
        await asyncio.sleep(0.02)
    assert published.requests <= before + 2
    for each in attackers:
        each.cancel()
    await asyncio.gather(*attackers, return_exceptions=True)
    assert next(attempts) > 50
    most = fetch_budget.FETCHES_AT_ONCE + (time.monotonic() - began) / refill + 2
    assert published.requests <= most


async def holds(verifier: TokenVerifier, token: str, address: str) -> bool:
    try:
        await verifier.verify(token, address)
    except InvalidTokenError:
        return False
    return True


async def test_a_fetch_from_before_a_rotation_is_followed_by_another(
    verifier: TokenVerifier, published: KeyServer
) -> None:
    await user_of(verifier, signed_token())
    published.seconds = 0.3
    strangers = asyncio.create_task(unknown(verifier, "unknown", "192.0.2.1"))
    await asyncio.sleep(0.1)
    # The running fetch has already read the previous document.
    published.document = jwk_set(jwk("EdDSA"), jwk("EdDSA", 2))
    assert await verifier.verify(signed_token(generation=2), "198.51.100.1") == "ada"
    await strangers


async def test_the_address_of_a_client_is_the_one_that_counts(
    settings: Settings, published: KeyServer
) -> None:
    configured = settings.model_copy(update={"jwks_url": published.url, "trusted_proxy_hops": 1})
    with live(create_app(configured)) as server:
        async with async_client(server) as client:

            async def status(address: str, token: str) -> int:
                headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": address}
                return (await client.get("/api/me", headers=headers)).status_code

            assert await status("198.51.100.1", signed_token()) == 200
            for number in range(10):
                assert await status("192.0.2.1", signed_token(kid=f"unknown-{number}")) == 401
            published.document = jwk_set(jwk("EdDSA"), jwk("EdDSA", 2))
            assert await status("192.0.2.1", signed_token(generation=2)) == 401
            assert await status("198.51.100.2", signed_token(generation=2)) == 200
    assert published.requests == 3


async def test_however_many_requests_wait_the_issuer_is_asked_once(
    verifier: TokenVerifier, published: KeyServer
) -> None:
    published.seconds = 0.2
    tokens = [signed_token(algorithm) for algorithm in ALGORITHMS for _ in range(10)]
    assert set(await asyncio.gather(*(user_of(verifier, each) for each in tokens))) == {"ada"}
    assert published.requests == 1


async def test_a_cancelled_request_does_not_cancel_the_shared_fetch(
    verifier: TokenVerifier, published: KeyServer
) -> None:
    published.seconds = 0.2
    given_up = asyncio.create_task(user_of(verifier, signed_token()))
    waiting = asyncio.create_task(user_of(verifier, signed_token()))
    await asyncio.sleep(0.05)
    given_up.cancel()
    assert await waiting == "ada"
    assert published.requests == 1


async def test_known_keys_stay_good_while_the_issuer_is_down(
    verifier: TokenVerifier, published: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await user_of(verifier, signed_token()) == "ada"
    published.stop()
    monkeypatch.setattr(issuer, "MAX_AGE_SECONDS", 0)
    monkeypatch.setattr(issuer, "PAUSE_SECONDS", 0)
    for _ in range(5):
        assert await user_of(verifier, signed_token("ES256")) == "ada"
    with pytest.raises(InvalidTokenError):
        await user_of(verifier, signed_token(kid="unknown"))
    assert await user_of(verifier, signed_token("PS256")) == "ada"


async def test_a_request_gets_a_503_until_keys_are_known(
    settings: Settings, published: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer, "PAUSE_WITHOUT_KEYS_SECONDS", 0)
    headers = {"Authorization": f"Bearer {signed_token()}"}
    configured = settings.model_copy(update={"jwks_url": published.url})
    published.stop()
    with live(create_app(configured)) as server:
        async with async_client(server, headers=headers) as client:
            refused = await client.get("/api/tasks")
            assert (refused.status_code, refused.json()["code"]) == (503, "keys_unavailable")
            assert refused.headers["Retry-After"] == "5"
            published.start()
            assert (await client.get("/api/tasks")).status_code == 200


async def test_a_token_is_verified_once_until_it_expires(
    verifier: TokenVerifier, published: KeyServer
) -> None:
    token = sign_with_key(claims_for("ada", **ISSUER, exp=timedelta(seconds=-28)), "EdDSA")
    assert await user_of(verifier, token) == "ada"
    await asyncio.sleep(3)
    with pytest.raises(InvalidTokenError):
        await user_of(verifier, token)
    assert published.requests == 1
