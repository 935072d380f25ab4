"""The providers as data: settings, published keys, and tokens with the response that they get.

`providers.json` has the forms that the providers document, and those that were seen. In claims,
`now_plus` is a time from now, `repeated_to` fills up a text, and `uuids` is a list of that many.
"""

import json
import time
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from tests.support.keys import jwk, private_key
from tests.tokens.specimen import encode, sign_input

Json = dict[str, Any]


class ProviderToken(NamedTuple):
    """A token, and the response that it gets."""

    what: str
    text: str
    status: int
    user: str | None
    """The user, if the token is accepted."""
    reason: str | None
    """The code of the reason, if it is rejected."""


class Provider(NamedTuple):
    """A configuration of a provider. Those with a title are in the guide."""

    case: str
    title: str | None
    send: str
    switch_on: str
    settings: dict[str, str]
    settings_error: str | None
    """The setting that is wrong, if the settings are rejected."""
    headers: dict[str, str]
    published: list[Json]
    tokens: list[Json]

    @property
    def key_set(self) -> bytes:
        """The JWK Set that it publishes."""
        return json.dumps({"keys": [_published(each) for each in self.published]}).encode()

    def signed(self) -> list[ProviderToken]:
        """Sign all tokens, from now on."""
        secret = self.settings.get("BETTER_AUTH_SECRET") or self.settings.get("JWT_SECRET", "")
        return [_signed(each, secret) for each in self.tokens]


def providers() -> list[Provider]:
    """Return all configurations."""
    path = Path(__file__).with_name("providers.json")
    return [
        Provider(
            each["case"],
            each.get("title"),
            each.get("send", ""),
            each.get("switch_on", ""),
            each["settings"],
            each.get("settings_error"),
            each.get("headers", {}),
            each.get("published", []),
            each["tokens"],
        )
        for each in json.loads(path.read_text())
    ]


def guide() -> str:
    """Return the part of the guide that lists the providers."""
    listed = sorted(
        (each for each in providers() if each.title), key=lambda each: (each.title or "").lower()
    )
    return "\n".join(_section(each) for each in listed)


def _section(provider: Provider) -> str:
    lines = [f"{name}={value}" for name, value in provider.settings.items()]
    return (
        f"### {provider.title}\n\n```ini\n" + "\n".join(lines) + "\n```\n\n"
        f"- **Send** {provider.send}.\n- **Switch on:** {provider.switch_on}\n"
    )


def _published(key: Json) -> Json:
    members: Json = {**jwk(key["algorithm"]), "kid": key["kid"], "use": key.get("use", "sig")}
    members |= {"alg": key["alg"]} if "alg" in key else {}
    members |= {"x5c": ["MIIB"], "x5t": "AAAA"} if key.get("with_x5c") else {}
    left_out = {name for name in ("use", "alg") if key.get(f"without_{name}")}
    return {k: v for k, v in (members | key.get("more", {})).items() if k not in left_out}


def _signed(token: Json, secret: str) -> ProviderToken:
    return ProviderToken(
        token["what"],
        token.get("raw") or _compact(token, secret),
        token["status"],
        token.get("user"),
        token.get("reason"),
    )


def _compact(token: Json, secret: str) -> str:
    parts = [token["header"], _filled(token["claims"])]
    signing_input = ".".join(encode(json.dumps(each).encode()) for each in parts)
    signature, signer = b"", token["signed_with"]
    if signer and signer.get("secret"):
        signature = sign_input(signing_input.encode(), "HS256", secret.encode())
    elif signer:
        # A key without a kid is one that the provider does not publish.
        generation = 1 if signer["kid"] else 2
        assert private_key(signer["algorithm"], generation)
        algorithm = signer["algorithm"]
        signature = sign_input(signing_input.encode(), algorithm, b"", generation)
    return f"{signing_input}.{encode(signature)}"


def _filled(value: Any) -> Any:  # noqa: ANN401 - JSON
    match value:
        case {"now_plus": seconds}:
            return (int(time.time()) if isinstance(seconds, int) else time.time()) + seconds
        case {"text": text, "repeated_to": length}:
            return (text * length)[:length]
        case {"uuids": number}:
            return [str(uuid4()) for _ in range(number)]
        case dict():
            return {name: _filled(each) for name, each in value.items()}
        case list():
            return [_filled(each) for each in value]
    return value
