"""What the settings expect of a token's claims."""

import re
from collections.abc import Mapping
from typing import NamedTuple

ANY = "any"
"""The value of `JWT_AUDIENCE` that turns the check of `aud` off."""

# A backslash takes the special meaning from the character behind it.
_ESCAPED = re.compile(r"\\(.?)", re.DOTALL)
_QUOTES = ("''", '""', "``", "\u2018\u2019", "\u201c\u201d")


class Expected(NamedTuple):
    """The claims that a token must have. An empty value is not checked."""

    issuers: tuple[str, ...] = ()
    """The values that `iss` may have."""
    audiences: tuple[str, ...] = ()
    """The values of which `aud` must have one."""
    claims: Mapping[str, tuple[str, ...]] = {}
    """The values of which each of these claims must have one."""
    user_claim: str | None = None
    """The claim that names the user; None: `user_id` or `sub`."""


NOTHING = Expected()


def clean(text: str) -> str:
    """Return a value as it is. Raises `ValueError` if it was obviously copied with other text."""
    if text != text.strip():
        raise ValueError("has white space at its ends. Remove it.")
    if len(text) > 1 and text[0] + text[-1] in _QUOTES:
        raise ValueError("is in quotes. Remove them.")
    return text


def read_list(text: str) -> tuple[str, ...]:
    r"""Return the entries of a list that is separated by commas. `\,` is a comma in an entry."""
    if clean(text).startswith("[") and text.endswith("]"):
        raise ValueError("is in brackets. Separate the values with commas only.")
    entries = tuple(_unescaped(clean(each)) for each in _split(text, ","))
    if "" in entries:
        raise ValueError("has an empty entry. Remove a comma.")
    return entries


def read_audiences(text: str) -> tuple[str, ...]:
    """Return the audiences of a list. Raises `ValueError` for `any` beside others."""
    entries = read_list(text)
    if ANY in entries and len(entries) > 1:
        raise ValueError("must be any alone, or a list of audiences. Remove any, or the others.")
    return entries


def read_required_claims(text: str) -> dict[str, tuple[str, ...]]:
    r"""Return the values by claim of `name=value|other,name=value`.

    `\,`, `\|` and `\\` are these characters in a value, and `\=` is one in a name.
    """
    required: dict[str, tuple[str, ...]] = {}
    for entry in _split(clean(text), ","):
        name, *values = _split(entry, "=", most=1)
        options = tuple(_unescaped(clean(each)) for each in _split("".join(values), "|"))
        name = _unescaped(clean(name))
        if not name or "" in options:
            raise ValueError("must have the form name=value|other,name=value")
        if name in required:
            raise ValueError(f"has the claim {name} twice. Separate its values with |.")
        required[name] = options
    return required


def _split(text: str, separator: str, most: int = 0) -> list[str]:
    """Split at a separator without a backslash before it. Backslashes stay."""
    pieces = re.findall(rf"(?:\\.|[^\\{separator}])+|{re.escape(separator)}|\\$", text, re.DOTALL)
    parts, left = [""], most or len(text)
    for piece in pieces:
        if piece == separator and left:
            parts.append("")
            left -= 1
        else:
            parts[-1] += piece
    return parts


def _unescaped(text: str) -> str:
    def plain(found: re.Match[str]) -> str:
        if found[1] not in {",", "|", "=", "\\"}:
            raise ValueError(r"has a single backslash. Write \\ for it.")
        return found[1]

    return _ESCAPED.sub(plain, text)
