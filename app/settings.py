"""Settings: the environment and `.env`, read once into one frozen object."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from limits import RateLimitItem, parse
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    HttpUrl,
    SecretStr,
    ValidationError,
    ValidationInfo,
)
from pydantic_settings import DotEnvSettingsSource, NoDecode

from .auth.expected import ANY, Expected
from .auth.settings import (
    Audiences,
    Issuers,
    NamedSecret,
    PreviousSecret,
    RequiredClaims,
    Secret,
    UserClaim,
    discovered_issuer,
)
from .database.driver.url import DatabaseUrl
from .origins import check_origin
from .settings_faults import fault_of
from .settings_files import FILE, SECRETS, TWICE, SecretFiles, find_fault

T = TypeVar("T")

_BASE_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)+")


class SettingsError(Exception):
    """The settings are invalid; the message lists every fault, one on each line."""


def _database_url(text: object) -> object:
    return DatabaseUrl(text) if isinstance(text, str) else text


def _origins(text: object) -> object:
    return tuple(part.strip() for part in text.split(",")) if isinstance(text, str) else text


def _bind(text: str) -> str:
    host, _, port = text.rpartition(":")
    is_inherited = re.fullmatch("fd://[0-9]{1,9}", text) is not None
    is_path = text.startswith("unix:")  # to Hypercorn
    is_address = bool(host) and not is_path and port.isdecimal() and int(port) <= 65535  # noqa: PLR2004 - the last
    if not is_inherited and not is_address:
        raise ValueError(
            "must be HOST:PORT, such as 127.0.0.1:8000 or [::1]:8000, or an inherited socket, "
            "such as fd://3"
        )
    return text


def _base_path(text: str) -> str:
    if text != "/" and not _BASE_PATH.fullmatch(text):
        raise ValueError(
            f"must be a path such as /tasks or /teams/a, of letters, digits, dots, hyphens, "
            f"underscores and tildes, without a slash at its end ({text!r})"
        )
    return text.rstrip("/")


def _metrics_bind(text: str, info: ValidationInfo) -> str:
    if text == info.data.get("bind"):
        raise ValueError("must differ from BIND")
    return text


def _rate_limit(text: object) -> object:
    if not isinstance(text, str):
        return text
    if text.lower() == "off":
        return None
    try:
        limit = parse(text)
    except ValueError:
        limit = None
    if limit is None or limit.amount < 1 or limit.get_expiry() < 1:
        raise ValueError("must be off, or a limit such as 600/minute or 20/2 seconds")
    return limit


def _redis_url(url: SecretStr) -> SecretStr:
    # Valkey uses the protocol of Redis, so the same client works for both.
    text = re.sub("^valkey", "redis", url.get_secret_value())
    if not re.match("rediss?://[^/]", text):
        raise ValueError("must start with redis://, rediss://, valkey:// or valkeys://")
    return SecretStr(text)


class Settings(SecretFiles):
    """All settings. `.env.example` explains them; a test keeps it complete."""

    database_url: Annotated[DatabaseUrl | None, BeforeValidator(_database_url)] = None
    database_pool_size: Annotated[int, Field(ge=1, le=1000)] = 5
    database_pooler: Literal["transaction"] | None = None
    data_dir: Path = Path(".data")
    migrate_on_start: bool = True
    jwt_secret: Secret | None = None
    jwt_secret_previous: Secret | None = None
    better_auth_secret: NamedSecret = None
    """The secret, also if it is set as `JWT_SECRET`."""
    better_auth_secret_previous: PreviousSecret = None
    jwks_url: HttpUrl | None = None
    jwt_issuer: Issuers = ()
    jwt_required_claims: RequiredClaims = None
    jwt_audience: Audiences = ()
    jwt_user_claim: UserClaim | None = None
    cors_origins: Annotated[
        tuple[Annotated[str, AfterValidator(check_origin)], ...],
        NoDecode,
        BeforeValidator(_origins),
    ] = ()
    bind: Annotated[str, AfterValidator(_bind)] = "127.0.0.1:8000"
    base_path: Annotated[str, AfterValidator(_base_path)] | None = None
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    # Most proxies keep idle connections for 60 or 65 seconds. If Taskward closed them first, a
    # request that a proxy is just sending would be lost.
    keep_alive_seconds: Annotated[int, Field(ge=1, le=3600)] = 75
    drain_seconds: Annotated[int, Field(ge=0, le=600)] = 0
    metrics_bind: Annotated[str, AfterValidator(_bind), AfterValidator(_metrics_bind)] | None = None
    rate_limit: Annotated[RateLimitItem | None, BeforeValidator(_rate_limit)] = parse("600/minute")
    rate_limit_storage: Annotated[SecretStr, AfterValidator(_redis_url)] | None = None
    trusted_proxy_hops: Annotated[int, Field(ge=0, le=10)] = 0
    max_tasks_per_user: Annotated[int, Field(ge=1, le=2_147_483_647)] = 100_000
    validate_responses: bool = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] | None = None

    _has_generated_secret: bool = False

    def with_generated_secret(self, secret: SecretStr | None) -> Self:
        """Return a copy with the secret of the development server."""
        copy = self.model_copy(update={"better_auth_secret": secret})
        copy._has_generated_secret = True  # noqa: SLF001 - of the same class
        return copy

    @property
    def discovered_issuer(self) -> str | None:
        """Return the issuer whose discovery document names the address of its keys, or None.

        A secret that the development server generates does not change that.
        """
        secret = None if self._has_generated_secret else self.better_auth_secret
        return discovered_issuer(self.jwt_issuer, secret, self.jwks_url)

    @property
    def expected_claims(self) -> Expected:
        """Return what the claims of a token must be."""
        audiences = () if self.jwt_audience == (ANY,) else self.jwt_audience
        claims = self.jwt_required_claims or {}
        return Expected(self.jwt_issuer, audiences, claims, self.jwt_user_claim)

    @property
    def has_pooler(self) -> bool:
        """Return whether each transaction may get a different server connection."""
        return self.database_pooler is not None or (
            self.database_url is not None and self.database_url.leads_to_pooler
        )


def read_settings(from_files: Mapping[str, str | None] | None = None) -> Settings:
    """Read the environment and `.env`, or `from_files` in place of `.env` and files of secrets.

    Raises `SettingsError` that names every fault.
    """
    try:
        if from_files is None:
            _check_file()
            return Settings()
        values: dict[str, Any] = {"_env_file": None, **from_files}
        return Settings(**values)
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(error) from None
    except ValidationError as error:
        raise _invalid(error) from None


def read_files() -> dict[str, str | None]:
    """Return the variables of `.env` that the environment does not set, and the files of secrets.

    Raises `SettingsError`.
    """
    try:
        _check_file()
        found = DotEnvSettingsSource(Settings).env_vars
        secrets = SecretFiles().values()
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(error) from None
    except ValidationError as error:
        raise _invalid(error) from None
    in_environment = {name.lower() for name, value in os.environ.items() if value}
    variables = {name: text for name, text in found.items() if text and name not in in_environment}
    for name in SECRETS:
        if name in secrets and name in variables:
            raise SettingsError(f"{name.upper()}: {TWICE.format(name.upper())}")
    return {**variables, **secrets}


def required(value: T | None, name: str) -> T:
    """Return a setting that is required here. Raises `SettingsError` if it is None."""
    if value is None:
        raise SettingsError(f"{name} is not set")
    return value


def _check_file() -> None:
    fault = find_fault(Path(FILE))
    if fault:
        raise SettingsError(f"{FILE} cannot be read: {fault}")


def _invalid(error: ValidationError) -> SettingsError:
    faults = (f"  {fault_of(each)}" for each in error.errors())
    return SettingsError("Invalid settings:\n" + "\n".join(faults))


def _unreadable(error: Exception) -> SettingsError:
    return SettingsError(f"{FILE} cannot be read: {error}")
