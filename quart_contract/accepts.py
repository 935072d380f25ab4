"""Read the `Accept` header (RFC 9110, section 12.5.1).

This replaces Werkzeug's parser, which parses each media range with all its parameters and sorts
the ranges: 16 KiB of them take tens of milliseconds. This module reads only the ranges that
cover JSON, and only their quality.
"""

import re
from collections.abc import Sequence

from quart_contract.operations import JSON

_COVERING = JSON, "application/*", "*/*", "*"
"""The media ranges that cover JSON, most specific first. The first that a header has decides.

The last one is no media range of HTTP, but clients in Java send it."""

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"?')
_RANGE = re.compile(
    rf"(?<![^,])[ \t]*({'|'.join(map(re.escape, _COVERING))})[ \t]*(;[^,]*)?(?![^,])",
    re.IGNORECASE,
)
_QUALITY = re.compile(r";[ \t]*q[ \t]*=[ \t]*([^;, \t]*)", re.IGNORECASE)
_VALID_QUALITY = re.compile(r"0(\.[0-9]*)?|\.[0-9]+|1(\.0*)?")
"""Also without the zero: Java's own client sends `*; q=.2, */*; q=.2` by default."""


def accepts_json(headers: Sequence[str]) -> bool:
    """Return whether the `Accept` headers of a request allow JSON. Empty headers allow it."""
    text = _QUOTED.sub('""', ",".join(headers))
    if not text.strip(", \t"):
        return True
    allowed: dict[str, bool] = {}
    for name, parameters in set(_RANGE.findall(text)):
        quality = (_QUALITY.findall(parameters) or ["1"])[-1]
        if _VALID_QUALITY.fullmatch(quality):
            allowed[name.lower()] = float(quality) > 0 or allowed.get(name.lower(), False)
    return next((allowed[name] for name in _COVERING if name in allowed), False)
