"""The files that settings come from: `.env`, and files that each contain one secret."""

from pathlib import Path
from typing import Annotated

from dotenv.parser import parse_stream
from pydantic import BeforeValidator, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

FILE = ".env"
SECRETS = (
    "database_url",
    "jwt_secret",
    "jwt_secret_previous",
    "better_auth_secret",
    "better_auth_secret_previous",
    "rate_limit_storage",
)
"""The settings that can be read from a file, which the setting with the suffix `_file` names."""
MAX_SECRET_BYTES = 64 * 1024
TWICE = "is set twice, also by {}_FILE. Unset one of them."
"""The fault of a secret that a file contains as well."""


def find_fault(path: Path) -> str | None:
    """Return what is wrong with a file of settings; None if it is valid or does not exist.

    The parser would skip a malformed line, and possibly other lines with it. Raises `OSError` and
    `UnicodeDecodeError`.
    """
    if not path.is_file():
        return None
    with path.open(encoding="utf-8") as file:
        for _, _, (text, line), is_wrong in parse_stream(file):
            if is_wrong:
                blank = text[: len(text) - len(text.lstrip())].count("\n")
                return f"line {line + blank} is not NAME=VALUE. Check its quotes."
    return None


def _contents(path: object) -> object:
    """Return the secret in a file, without the newline at its end."""
    if not isinstance(path, str):
        return path
    try:
        text = _read(Path(path)).decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise ValueError(
            f"cannot read {path} ({error.strerror}). Check its path and permissions."
        ) from None
    except UnicodeDecodeError:
        text = "\0"
    if not text:
        raise ValueError(f"{path} is empty. Write the secret into it.")
    if not text.isprintable():
        raise ValueError(f"{path} is not one line of text. Write only the secret into it.")
    return SecretStr(text)


def _read(path: Path) -> bytes:
    # Reading a pipe or a terminal would wait.
    if not path.is_file() and path.exists():
        raise ValueError(f"{path} is not a file. Name a file that contains the secret.")
    with path.open("rb") as file:
        data = file.read(MAX_SECRET_BYTES + 1)
    if len(data) > MAX_SECRET_BYTES:
        limit = MAX_SECRET_BYTES // 1024
        raise ValueError(f"{path} is larger than {limit} KiB. Write only the secret into it.")
    return data


_SecretFile = Annotated[SecretStr | None, BeforeValidator(_contents)]


class SecretFiles(BaseSettings):
    """The contents of the files with secrets. They become the values of the secrets' settings."""

    model_config = SettingsConfigDict(
        env_file=FILE,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    database_url_file: _SecretFile = None
    jwt_secret_file: _SecretFile = None
    jwt_secret_previous_file: _SecretFile = None
    better_auth_secret_file: _SecretFile = None
    better_auth_secret_previous_file: _SecretFile = None
    rate_limit_storage_file: _SecretFile = None

    @field_validator(*SECRETS, mode="before", check_fields=False)
    @classmethod
    def _from_file(cls, value: object, info: ValidationInfo) -> object:
        secret: SecretStr | None = info.data.get(f"{info.field_name}_file")
        if secret is None:
            return value
        if value is not None:
            raise ValueError(TWICE.format(str(info.field_name).upper()))
        return secret.get_secret_value()

    def values(self) -> dict[str, str | None]:
        """Return the secrets that files contain, as settings that do not name the files."""
        found: dict[str, str | None] = {}
        for name in SECRETS:
            secret: SecretStr | None = getattr(self, f"{name}_file")
            if secret is not None:
                found |= {name: secret.get_secret_value(), f"{name}_file": None}
        return found
