"""The corpus of tokens, over the wire, against each verifier and against both together."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from pydantic import SecretStr

from app import create_app
from app.settings import Settings
from tests.conftest import REPORTED
from tests.isolation.raw_client import RawClient, Response
from tests.support.key_server import KeyServer, key_server
from tests.support.live_server import live
from tests.support.tokens import OTHER_SECRET, SECRET
from tests.tokens.corpus import GOOD, HOSTILE
from tests.tokens.good import Good
from tests.tokens.specimen import AUDIENCE, ISSUER

VERIFIERS = ("secret", "previous secret", "keys", "both")


@pytest.fixture(scope="module")
def published() -> Iterator[KeyServer]:
    with key_server() as server:
        yield server


@contextmanager
def asked_with(settings: Settings, published: KeyServer, verifier: str) -> Iterator[RawClient]:
    """Connect to a server that verifies with the secret, with the issuer's keys, or both.

    The secret can also be the previous one, whose tokens are still valid.
    """
    secrets = {
        "keys": (None, None),
        "previous secret": (SecretStr(OTHER_SECRET), SecretStr(SECRET)),
    }.get(verifier, (SecretStr(SECRET), None))
    configured = settings.model_copy(
        update={
            "better_auth_secret": secrets[0],
            "better_auth_secret_previous": secrets[1],
            "jwks_url": None if "secret" in verifier else published.url,
            "jwt_issuer": (ISSUER,),
            "jwt_audience": (AUDIENCE,),
        }
    )
    with live(create_app(configured)) as server, closing(RawClient(server)) as raw_client:
        yield raw_client


def ask(raw_client: RawClient, token: str) -> Response:
    return raw_client.request("GET", "/api/me", f"Bearer {token}")


def holds(verifier: str, good: Good) -> bool:
    return verifier == "both" or ("secret" in verifier) is (good.algorithm == "HS256")


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_every_hostile_token_gets_one_and_the_same_answer(
    settings: Settings,
    published: KeyServer,
    verifier: str,
    record_property: Callable[[str, object], None],
) -> None:
    foreign = [(each.name, each.token) for each in GOOD if not holds(verifier, each)]
    hostile = [(each.name, each.token) for each in HOSTILE] + foreign
    with asked_with(settings, published, verifier) as raw_client:
        refusal = ask(raw_client, "garbage")
        responses = {name: ask(raw_client, token) for name, token in hostile}
    statuses = Counter(response.status for response in responses.values())
    record_property(
        REPORTED,
        f"Tokens against {verifier}: {len(responses)} hostile, "
        f"{sum(statuses[status] for status in range(200, 300))} accepted, {dict(statuses)}",
    )
    assert {name: response for name, response in responses.items() if response != refusal} == {}
    assert (refusal.status, refusal.body["code"]) == (401, "invalid_token")
    assert refusal.header("www-authenticate") == 'Bearer error="invalid_token"'


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_every_token_that_holds_names_its_user(
    settings: Settings, published: KeyServer, verifier: str
) -> None:
    expected = {each.name: each.user for each in GOOD if holds(verifier, each)}
    with asked_with(settings, published, verifier) as raw_client:
        # Twice, because the second time the token is cached.
        for _ in range(2):
            responses = {
                each.name: ask(raw_client, each.token) for each in GOOD if each.name in expected
            }
            assert {name: each.body.get("user_id") for name, each in responses.items()} == expected
