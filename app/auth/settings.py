"""The types of the settings that decide which tokens are valid."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo
from pydantic_settings import NoDecode

from .expected import clean, read_audiences, read_list, read_required_claims

MIN_SECRET_BYTES = 32
_MIN_DISTINCT = 10
# Claims that the tokens of many users share, or that two tokens of one user do not.
_NO_USER_CLAIMS = frozenset(
    {
        *("iss", "aud", "exp", "nbf", "iat", "jti"),
        *("azp", "scope", "scp", "tid", "token_type", "token_use", "typ", "ver"),
        *("auth_time", "nonce", "session_id", "sid"),
    }
)


def _secret(secret: SecretStr) -> SecretStr:
    text = clean(secret.get_secret_value())
    if len(text.encode()) < MIN_SECRET_BYTES:
        raise ValueError(
            f"must have at least {MIN_SECRET_BYTES} bytes. Create one: openssl rand -base64 32"
        )
    if len(set(text)) < _MIN_DISTINCT:
        raise ValueError("is too easy to guess. Create one: openssl rand -base64 32")
    return secret


def _with_other_name(secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
    """Return the secret, which can be set under two names."""
    name = str(info.field_name).replace("better_auth", "jwt")
    other: SecretStr | None = info.data.get(name)
    if secret is not None and other is not None and secret != other:
        raise ValueError(f"differs from {name.upper()}, its other name. Unset one of them.")
    return secret or other


def _previous_secret(secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
    if secret is None or not {"better_auth_secret", "jwt_secret"} <= info.data.keys():
        return secret  # the present secret is invalid, and reported already
    present = info.data["better_auth_secret"]
    if present is None:
        raise ValueError("needs BETTER_AUTH_SECRET, which is not set")
    if present == secret:
        raise ValueError("must differ from BETTER_AUTH_SECRET")
    return secret


def _list(value: object) -> object:
    return read_list(value) if isinstance(value, str) else value


def _audiences(value: object) -> object:
    return read_audiences(value) if isinstance(value, str) else value


def _required_claims(value: object) -> object:
    return read_required_claims(value) if isinstance(value, str) else value


def discovered_issuer(
    issuers: tuple[str, ...], secret: SecretStr | None, jwks_url: object
) -> str | None:
    """Return the issuer whose discovery document has to name the address of the keys, or None.

    It is the first one that is a URL: some issuers have a second name without a scheme.
    """
    return first_url(issuers) if secret is None and jwks_url is None else None


def first_url(issuers: tuple[str, ...]) -> str | None:
    """Return the first issuer that can have a discovery document; None if there is none."""
    return next(filter(is_url, issuers), None)


def is_url(issuer: str) -> bool:
    """Return whether an issuer can have a discovery document."""
    return issuer.startswith(("https://", "http://"))


def _issuers(value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    # Public keys prove who signed the token, but not for which service.
    if not value and info.data.get("jwks_url"):
        raise ValueError("is required with JWKS_URL. Set it to the iss of your issuer's tokens.")
    return value


def _audience(value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    known = info.data
    if value or known.get("jwt_required_claims", "an invalid value"):
        return value
    url, secret = known.get("jwks_url"), known.get("better_auth_secret")
    if url or discovered_issuer(known.get("jwt_issuer", ()), secret, url):
        raise ValueError(
            "is required with JWKS_URL, and with an issuer whose keys are discovered. Set it to "
            "the aud of your tokens, or set JWT_REQUIRED_CLAIMS if they have none."
        )
    return value


def _user_claim(value: str) -> str:
    if clean(value) in _NO_USER_CLAIMS:
        raise ValueError("must be a claim that identifies a user, such as sub, uid or oid")
    return value


Secret = Annotated[SecretStr, AfterValidator(_secret)]
NamedSecret = Annotated[
    Secret | None, Field(validate_default=True), AfterValidator(_with_other_name)
]
PreviousSecret = Annotated[NamedSecret, AfterValidator(_previous_secret)]
Issuers = Annotated[
    tuple[str, ...],
    NoDecode,
    Field(validate_default=True),
    BeforeValidator(_list),
    AfterValidator(_issuers),
]
RequiredClaims = Annotated[
    dict[str, tuple[str, ...]] | None, NoDecode, BeforeValidator(_required_claims)
]
Audiences = Annotated[
    tuple[str, ...],
    NoDecode,
    Field(validate_default=True),
    BeforeValidator(_audiences),
    AfterValidator(_audience),
]
UserClaim = Annotated[str, AfterValidator(_user_claim)]
