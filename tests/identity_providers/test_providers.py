"""Each configuration of the guide, against a real server: tokens are accepted as stated."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import structlog

from app import create_app
from app.database.driver.url import DatabaseUrl
from app.settings import SettingsError, read_settings
from tests.blocks import read_block
from tests.conftest import REPORTED
from tests.identity_providers.providers import Provider, guide, providers
from tests.support.clients import sync_client
from tests.support.folders import ROOT
from tests.support.key_server import KeyServer, key_server
from tests.support.live_server import live

PROVIDERS = providers()
GUIDE = ROOT / "docs" / "how-to" / "identity-providers.md"


@pytest.fixture(scope="module")
def published() -> Iterator[KeyServer]:
    with key_server() as server:
        yield server


@pytest.mark.parametrize(
    "provider", [each for each in PROVIDERS if not each.settings_error], ids=lambda each: each.case
)
def test_each_token_of_a_provider_gets_the_wanted_response(
    database_url: DatabaseUrl,
    published: KeyServer,
    provider: Provider,
    record_property: Callable[[str, object], None],
) -> None:
    published.document, published.headers = provider.key_set, provider.headers
    given = {**provider.settings, "DATABASE_URL": database_url.text, "RATE_LIMIT": "off"}
    # The issuers are names of others. Their keys come from here, wherever discovery would lead.
    given |= {"JWKS_URL": published.url} if provider.published else {}
    app = create_app(read_settings({name.lower(): value for name, value in given.items()}))
    tokens, statuses = provider.signed(), Counter[int]()
    with structlog.testing.capture_logs() as lines, live(app) as server, sync_client(server) as me:
        for token in tokens:
            response = me.get("/api/me", headers={"Authorization": f"Bearer {token.text}"})
            got = response.status_code, response.json().get("user_id")
            assert got == (token.status, token.user), token.what
            statuses[response.status_code] += 1
    rejected = [each for each in lines if each["event"] == "token rejected"]
    assert {each["code"] for each in rejected} == {each.reason for each in tokens} - {None}
    record_property(REPORTED, f"{provider.case}: {dict(statuses)}, as wanted")


@pytest.mark.parametrize(
    "provider", [each for each in PROVIDERS if each.settings_error], ids=lambda each: each.case
)
def test_settings_that_would_accept_too_much_are_rejected(provider: Provider) -> None:
    given = {**provider.settings, "JWKS_URL": "https://id.example.com/jwks"}
    with pytest.raises(SettingsError, match=f"{provider.settings_error}: is required"):
        read_settings({name.lower(): value for name, value in given.items()})
    # The keys would be discovered.
    with pytest.raises(SettingsError, match=f"{provider.settings_error}: is required"):
        read_settings({name.lower(): value for name, value in provider.settings.items()})


def test_the_guide_lists_what_these_tests_run() -> None:
    assert read_block(GUIDE, "providers") == guide(), "run make reference"
    assert len([each for each in PROVIDERS if each.title]) >= 30
