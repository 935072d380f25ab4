"""Keywords of the engine's own, for what no `pattern` says in the language of every client.

The dialects of regular expressions differ in which characters are white space, in how U+2028 is
written, and in whether a pattern may contain U+0000.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Keyword(NamedTuple):
    """A keyword of string schemas. Its value is true."""

    pattern: str
    """The pattern that means the same to jsonschema-rs."""
    detail: str
    """The error detail for a text that violates the keyword."""


WHITE_SPACE = r"\u0009-\u000D\u0020\u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"
"""The characters with Unicode's property White_Space, as the content of a character class."""

KEYWORDS: Mapping[str, Keyword] = {
    "x-not-blank": Keyword(f"[^{WHITE_SPACE}]", "is blank"),
    "x-no-nul": Keyword(r"^[^\u0000]*$", "contains U+0000"),
}
