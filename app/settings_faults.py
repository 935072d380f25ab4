"""The words for faults of settings: what is wrong, what would be right, and no secret."""

from pydantic_core import ErrorDetails

# For the faults that pydantic finds itself. No value that can have them is secret.
_WORDS = {
    "bool_parsing": "must be true or false",
    "greater_than_equal": "must be at least {ge}",
    "int_parsing": "must be a whole number",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
}


def fault_of(fault: ErrorDetails) -> str:
    """Return the name of a setting and what is wrong with it, in one line."""
    return f"{str(fault['loc'][0]).upper()}: {_words(fault)}"


def _words(fault: ErrorDetails) -> str:
    if fault["type"] in _WORDS:
        return f"{_WORDS[fault['type']].format(**fault.get('ctx', {}))} ({fault['input']!r})"
    if fault["type"].startswith("url_"):  # its value can have a password
        return "must be a URL such as https://auth.example.com/jwks"
    message = fault["msg"].removeprefix("Value error, ")
    return message[0].lower() + message[1:]
