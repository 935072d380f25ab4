"""The checks of `doctor` that concern the issuer: its keys, its discovery document, its tokens."""

from collections.abc import Iterator
from typing import NamedTuple

from .. import key_source
from ..auth.errors import InvalidKeySetError, OtherIssuerError
from ..auth.fetching import fetch
from ..auth.key_sources import Discovery, KeyAddress, KeySource
from ..auth.keys import KeySet, read_keys
from ..auth.settings import first_url, is_url
from ..settings import Settings
from .errors import CommandError
from .resolve import kept_secret

# Claims whose value can be given to another person.
_REASSIGNED = frozenset({"email", "login", "name", "preferred_username", "unique_name", "upn"})


class Keys(NamedTuple):
    """What verifies tokens, in words; warnings; and the clock of the issuer, if it is known."""

    found: list[str]
    warnings: list[str]
    ahead: float | None


async def check_keys(settings: Settings) -> Keys:
    """Fetch and describe all keys. Raises `CommandError` if there is none."""
    found, warnings, ahead = [*_secrets(settings)], [*_risks(settings)], None
    source = key_source(settings)
    if source is not None:
        keys, ahead = await _published(source, settings)
        algorithms = sorted({algorithm for key in keys.keys for algorithm in key.algorithms})
        found.append(f"{', '.join(algorithms)} with {len(keys.keys)} keys from {source.url}")
        warnings += [f"key left out: {each}" for each in keys.left_out]
        first = first_url(settings.jwt_issuer)
        for issuer in filter(is_url, settings.jwt_issuer):
            warnings += await _discovered(issuer, source, keys, is_first=issuer == first)
    if not found:
        raise CommandError(
            "neither JWKS_URL nor BETTER_AUTH_SECRET is set, and JWT_ISSUER is not a URL. serve "
            "needs one of them; dev generates a secret."
        )
    return Keys(found, warnings, ahead)


def _secrets(settings: Settings) -> Iterator[str]:
    if settings.better_auth_secret is not None:
        yield "HS256 with BETTER_AUTH_SECRET"
        if settings.better_auth_secret_previous is not None:
            yield "HS256 with BETTER_AUTH_SECRET_PREVIOUS (unset it when its tokens have expired)"
    elif kept_secret(settings) is not None:
        yield "HS256 with the development server's secret"


def _risks(settings: Settings) -> Iterator[str]:
    expected = settings.expected_claims
    if settings.better_auth_secret and not settings.jwt_audience and not expected.claims:
        yield (
            "HS256 without JWT_AUDIENCE and JWT_REQUIRED_CLAIMS: every token that the secret signs "
            "is accepted, also a refresh token. Set one of them, such as "
            "JWT_REQUIRED_CLAIMS=token_type=access."
        )
    if settings.jwt_audience and not expected.audiences:
        yield "JWT_AUDIENCE=any: tokens that the issuer made for other services are accepted"
    if expected.user_claim in _REASSIGNED:
        yield (
            f"JWT_USER_CLAIM={expected.user_claim}: if that name is given to another person, that "
            "person gets the tasks. Name a claim that never changes."
        )


async def _published(source: KeySource, settings: Settings) -> tuple[KeySet, float | None]:
    try:
        fetched = await source.fetch()
        keys = read_keys(fetched.document)
    except InvalidKeySetError as error:
        if isinstance(source, Discovery):
            raise CommandError(f"JWT_ISSUER: cannot find the issuer's keys ({error}).") from None
        hint = await _other_address(settings)
        raise CommandError(
            f"JWKS_URL: cannot read the keys of {source.url} ({error}).{hint}"
        ) from None
    if not keys.keys:
        left_out = "".join(f" Left out: {each}." for each in keys.left_out)
        raise CommandError(f"{source.url} has no supported key.{left_out}")
    return keys, fetched.ahead


async def _other_address(settings: Settings) -> str:
    try:
        address = await Discovery(first_url(settings.jwt_issuer) or "").key_address()
    except InvalidKeySetError:
        return ""
    return f" The discovery document of the issuer names {address}."


async def _discovered(issuer: str, source: KeySource, keys: KeySet, *, is_first: bool) -> list[str]:
    """Return warnings of what the discovery document of an issuer says, if it has one."""
    try:
        address = await Discovery(issuer).key_address()
        if address == source.url or (is_first and isinstance(source, Discovery)):
            return []
        others = read_keys((await fetch(address)).document)
    except OtherIssuerError as error:
        return [f"{error}."]
    except InvalidKeySetError:
        return []  # many issuers have no such document, and need none
    known = {key.id for key in keys.keys}
    missing = [str(key.id) for key in others.keys if key.id not in known]
    if missing:
        words = f"{source.url} lacks {len(missing)} of them: their tokens are rejected."
        return [f"{issuer} publishes its keys at {address}, and {words}"]
    if is_first and isinstance(source, KeyAddress):
        return [
            f"JWKS_URL is {source.url}, but the discovery document of {issuer} names {address}."
        ]
    return []
