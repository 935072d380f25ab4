"""The corpus of tokens under each setting of claims, and the tokens that abuse that setting."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from app.auth.bearer import bearer_token
from app.auth.errors import InvalidTokenError, MissingTokenError
from app.auth.key_sources import Discovery, KeyAddress
from app.auth.tokens import TokenVerifier
from tests.conftest import REPORTED
from tests.support.key_server import KeyServer, key_server
from tests.support.tokens import SECRET
from tests.tokens.abuse import OTHER_AUDIENCE, OTHER_ISSUER, SETTINGS, specimens
from tests.tokens.corpus import GOOD, HOSTILE
from tests.tokens.specimen import SIGNERS, USER, About, Specimen, claims, seal

IRRELEVANT = {
    "required claims": {About.AUDIENCE},
    "any audience": {About.AUDIENCE},
    "user claim": {About.USER, About.USER_ID},
    "user claim sub": {About.USER_ID},
}
"""What a setting makes irrelevant: a fault in that is no fault."""


@pytest.fixture(scope="module")
def published() -> Iterator[KeyServer]:
    with key_server() as server:
        yield server


@pytest.fixture
async def verifier(published: KeyServer, setting: str) -> AsyncIterator[TokenVerifier]:
    made = TokenVerifier([SECRET], KeyAddress(published.url), SETTINGS[setting])
    yield made
    await made.close()


async def accepted(verifier: TokenVerifier, tokens: list[Specimen]) -> list[str]:
    """Return the names of the tokens that are accepted."""
    names = []
    for each in tokens:
        try:
            await verifier.verify(bearer_token([f"Bearer {each.token}"]))
        except (InvalidTokenError, MissingTokenError):
            continue
        names.append(each.name)
    return names


@pytest.mark.parametrize("setting", SETTINGS)
async def test_no_hostile_token_is_accepted_under_a_setting(
    verifier: TokenVerifier, setting: str, record_property: Callable[[str, object], None]
) -> None:
    ignored = IRRELEVANT.get(setting, set())
    tokens = [each for each in HOSTILE if each.about not in ignored] + [*specimens(setting)]
    found = await accepted(verifier, tokens)
    record_property(
        REPORTED, f"Tokens under {setting}: {len(tokens)} hostile, {len(found)} accepted"
    )
    assert found == []


@pytest.mark.parametrize("setting", SETTINGS)
async def test_each_valid_token_is_accepted_under_a_setting(
    verifier: TokenVerifier, setting: str
) -> None:
    for each in GOOD:
        if setting != "user claim sub" or not each.name.startswith("user_id alone"):
            assert await verifier.verify(each.token) == each.user, each.name


@pytest.mark.parametrize(
    ("setting", "changes"),
    [
        ("lists", {"iss": OTHER_ISSUER}),
        ("lists", {"aud": OTHER_AUDIENCE}),
        ("lists", {"iss": OTHER_ISSUER, "aud": ["x", OTHER_AUDIENCE]}),
        ("required claims", {"azp": "tasks-app"}),
        ("required claims", {"azp": ["other", "tasks-web"]}),
        ("required claims", {"is_anonymous": "false"}),
        ("required claims", {"ver": "2"}),
        ("required claims", {"ver": [3, 2]}),
        ("required claims", {"aud": ...}),
        ("required claims", {"aud": []}),
        ("audience and required claims", {"token_use": ["access", "id"]}),
        ("any audience", {"aud": ...}),
        ("any audience", {"aud": "another service"}),
        ("user claim", {"sub": "another", "user_id": 7}),
        ("user claim", {"sub": ...}),
        ("user claim sub", {"user_id": "another"}),
        ("user claim sub", {"user_id": None}),
    ],
    ids=str,
)
async def test_what_a_setting_allows_is_accepted(
    verifier: TokenVerifier, changes: dict[str, object]
) -> None:
    for signer in SIGNERS:
        token = seal(claims(**changes), algorithm=signer)
        assert await verifier.verify(token) == USER


async def test_no_hostile_token_is_accepted_with_discovered_keys(published: KeyServer) -> None:
    issuer = published.url.removesuffix("/jwks")
    published.serve_discovery(issuer)
    verifier = TokenVerifier((), Discovery(issuer), SETTINGS["lists"])
    hs256 = [Specimen("HS256", seal())]
    assert await accepted(verifier, [*HOSTILE, *specimens("lists"), *hs256]) == []
    assert await verifier.verify(seal(algorithm="EdDSA")) == USER
    await verifier.close()
