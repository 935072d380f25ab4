"""Taskward accepts tokens of a real Better Auth: with new and known keys, also while it is down."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import jwt
import pytest
from pydantic import SecretStr

from app import create_app
from app.auth import issuer
from app.settings import Settings
from tests.issuer.better_auth import BetterAuth
from tests.support import tokens
from tests.support.clients import async_client
from tests.support.live_server import LiveServer, live

OTHERS = [
    pytest.param(BetterAuth.verification_token, id="mail verification"),
    pytest.param(BetterAuth.cookie_cache_token, id="cookie cache"),
    pytest.param(lambda better_auth: better_auth.sign_up(address()), id="session"),
]


class Api:
    """Sends any token to a server."""

    def __init__(self, server: LiveServer) -> None:
        self._http = async_client(server)

    async def list(self, token: str) -> httpx.Response:
        return await self._ask("GET", token)

    async def create(self, token: str) -> httpx.Response:
        return await self._ask("POST", token, {"title": "Renew the passport"})

    async def close(self) -> None:
        await self._http.aclose()

    async def _ask(self, method: str, token: str, body: object = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return await self._http.request(method, "/api/tasks", json=body, headers=headers)


def address() -> str:
    return f"{uuid4()}@example.com"


def signed_in(better_auth: BetterAuth) -> str:
    return better_auth.token(better_auth.sign_up(address()))


@contextmanager
def configured(
    settings: Settings, issued_by: BetterAuth, *, secret: bool, keys: bool
) -> Iterator[LiveServer]:
    """Run a server that verifies with the issuer's secret, its keys, or both."""
    url = issued_by.base_url
    update = {
        "better_auth_secret": SecretStr(tokens.SECRET) if secret else None,
        "jwks_url": issued_by.jwks_url if keys else None,
        "jwt_issuer": (url,) if keys else (),
        "jwt_audience": (url,) if keys else (),
    }
    with live(create_app(settings.model_copy(update=update))) as server:
        yield server


@pytest.fixture
async def api(settings: Settings, better_auth: BetterAuth) -> AsyncIterator[Api]:
    """Return a client of a server with the secret and the keys of the issuer."""
    with configured(settings, better_auth, secret=True, keys=True) as server:
        api = Api(server)
        yield api
        await api.close()


async def test_who_signs_up_creates_and_lists_tasks_of_their_own(
    api: Api, better_auth: BetterAuth
) -> None:
    ada, eve = signed_in(better_auth), signed_in(better_auth)
    created = await api.create(ada)
    assert created.status_code == 201
    assert created.json()["user_id"] == jwt.decode(ada, options={"verify_signature": False})["sub"]
    assert (await api.list(ada)).json()["items"] == [created.json()]
    assert (await api.list(eve)).json()["items"] == []


async def test_a_rotation_of_its_keys_is_followed(api: Api, better_auth: BetterAuth) -> None:
    session = better_auth.sign_up(address())
    old = better_auth.token(session)
    assert (await api.create(old)).status_code == 201
    better_auth.rotate()
    new = better_auth.token(session)
    assert len((await api.list(new)).json()["items"]) == 1
    assert len((await api.list(old)).json()["items"]) == 1


async def test_while_it_is_down_its_tokens_still_hold(api: Api, better_auth: BetterAuth) -> None:
    seen, unseen = signed_in(better_auth), signed_in(better_auth)
    assert (await api.create(seen)).status_code == 201
    better_auth.stop()
    try:
        assert (await api.create(seen)).status_code == 201
        assert (await api.create(unseen)).status_code == 201
    finally:
        better_auth.start()
    assert (await api.create(signed_in(better_auth))).status_code == 201


async def test_before_it_was_ever_up_requests_are_asked_to_come_again(
    api: Api, better_auth: BetterAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer, "PAUSE_WITHOUT_KEYS_SECONDS", 0)
    token = signed_in(better_auth)
    better_auth.stop()
    try:
        refused = await api.list(token)
    finally:
        better_auth.start()
    assert (refused.status_code, refused.json()["code"]) == (503, "keys_unavailable")
    assert int(refused.headers["Retry-After"]) >= 1
    assert (await api.list(token)).status_code == 200


async def test_a_token_signed_with_the_secret_is_valid_if_it_is_set(
    settings: Settings, better_auth: BetterAuth, api: Api
) -> None:
    url = better_auth.base_url
    token = better_auth.sign_hs256({"sub": f"ada-{uuid4()}", "iss": url, "aud": url})
    assert (await api.create(token)).status_code == 201
    with configured(settings, better_auth, secret=False, keys=True) as server:
        with_keys_alone = Api(server)
        assert (await with_keys_alone.create(token)).status_code == 401
        assert (await with_keys_alone.create(signed_in(better_auth))).status_code == 201
        await with_keys_alone.close()


@pytest.mark.parametrize("make", OTHERS)
async def test_its_other_tokens_are_refused(
    settings: Settings,
    better_auth: BetterAuth,
    api: Api,
    make: Callable[[BetterAuth], str],
) -> None:
    token = make(better_auth)
    with configured(settings, better_auth, secret=True, keys=False) as server:
        # Without a configured issuer and audience, the other claims must be enough to reject it.
        with_the_secret_alone = Api(server)
        for asked in (api, with_the_secret_alone):
            refused = await asked.list(token)
            assert (refused.status_code, refused.json()["code"]) == (401, "invalid_token")
        await with_the_secret_alone.close()


async def test_nobody_becomes_another_by_a_claim_of_ones_own(
    api: Api, better_auth: BetterAuth
) -> None:
    url = better_auth.base_url
    claims = {"sub": "eve", "user_id": "ada", "iss": url, "aud": url}
    assert (await api.list(better_auth.sign_hs256(claims))).status_code == 401


def test_the_tutorial_has_the_set_up_of_these_tests() -> None:
    tutorial = Path(__file__).parents[2] / "docs" / "tutorials" / "better-auth.md"
    assert (Path(__file__).parent / "auth.mjs").read_text() in tutorial.read_text()
