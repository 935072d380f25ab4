"""Values of others in messages: short, on one line, and without control characters."""

import json

from quart_contract.strict_json import JsonValue

MAX_CHARACTERS = 80


def quoted(value: JsonValue) -> str:
    """Return a value as JSON in printable ASCII, shortened."""
    text = json.dumps(value).replace("\x7f", "\\u007f")
    if len(text) <= MAX_CHARACTERS:
        return text
    return f"{text[:MAX_CHARACTERS]}... ({len(text)} characters)"
