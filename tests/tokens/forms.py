"""Texts that are no token, and tokens in an unusual spelling."""

import base64
import json
from collections.abc import Iterator

from tests.support.tokens import SECRET
from tests.tokens.specimen import SIGNERS, Specimen, claims, encode, header, seal, sign_input

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def specimens() -> Iterator[Specimen]:
    """Yield all tokens of this kind."""
    for signer in SIGNERS:
        good = seal(algorithm=signer)
        for name, token in _spellings(good):
            yield Specimen(f"{name} ({signer})", token)
        for name, token in _signed_as_spelt(signer):
            yield Specimen(f"{name} ({signer})", token)
        for name, token in _numbers_of_parts(good):
            yield Specimen(f"{name} ({signer})", token)
    for name, token in _no_tokens().items():
        yield Specimen(name, token)


def _spellings(good: str) -> Iterator[tuple[str, str]]:
    head, payload, signature = good.split(".")
    padded = ".".join(each + "=" * (-len(each) % 4) for each in good.split("."))
    yield "padding", padded if padded != good else f"{good}===="
    yield "a dot before", f".{good}"
    yield "a dot after", f"{good}."
    yield "two dots", good.replace(".", "..", 1)
    yield "in quotes", f'"{good}"'
    yield "in angle brackets", f"<{good}>"
    yield "percent-encoded dots", good.replace(".", "%2E")
    yield "a space within", f"{head}. {payload}.{signature}"
    yield "a tab within", f"{head}.\t{payload}.{signature}"
    yield "a comma after", f"{good},"
    yield "twice, with a comma", f"{good}, {good}"
    yield "twice, with a space", f"{good} {good}"
    yield "a parameter after", f'{good}, realm="x"'
    yield "Bearer twice", f"Bearer {good}"
    yield "a byte beyond ASCII after", f"{good}\xe9"
    yield "a character between", f"{head}.{payload}.{signature[:4]}!{signature[4:]}"
    yield "an asterisk that a decoder may skip", f"{head}.*{payload}.{signature}"
    last = DIGITS.index(signature[-1])
    yield "other idle bits at the end", good[:-1] + DIGITS[last ^ 1]
    yield "upper case", good.upper()
    yield "lower case", good.lower()


def _signed_as_spelt(signer: str) -> Iterator[tuple[str, str]]:
    head, payload = encode(json.dumps(header(signer)).encode()), json.dumps(claims()).encode()
    odd = payload + b" " * (1 - len(payload) % 3)
    for name, spelt in {
        "a padded payload, signed as it is": base64.urlsafe_b64encode(odd).decode(),
        "a payload in standard base64, signed as it is": encode(payload)[:-2] + "+/",
        "a payload with a line break, signed as it is": encode(payload)[:8] + "%0A",
        "a payload in hexadecimal form, signed as it is": payload.hex(),
    }.items():
        signature = sign_input(f"{head}.{spelt}".encode(), signer, SECRET.encode())
        yield name, f"{head}.{spelt}.{encode(signature)}"


def _numbers_of_parts(good: str) -> Iterator[tuple[str, str]]:
    head, payload, signature = good.split(".")
    yield "the header alone", head
    yield "no signature part", f"{head}.{payload}"
    yield "four parts", f"{good}.{signature}"
    yield "five parts, as an encrypted one", f"{head}.{payload}.{signature}.{signature}.{signature}"
    yield "no header", f".{payload}.{signature}"
    yield "no payload", f"{head}..{signature}"
    yield "another order", f"{payload}.{head}.{signature}"


def _no_tokens() -> dict[str, str]:
    head, payload, signature = seal().split(".")
    flattened = {"protected": head, "payload": payload, "signature": signature}
    return {
        "a word": "garbage",
        "null": "null",
        "undefined": "undefined",
        "an object of JavaScript": "[object Object]",
        "one dot": ".",
        "two dots alone": "..",
        "dots alone": "." * 500,
        "letters alone": "a" * 8000,
        "8,193 bytes": "a" * 8193,
        "12,000 bytes": f"{head}.{encode(b'x' * 8900)}.{signature}",
        "a JSON serialisation": json.dumps(flattened, separators=(",", ":")),
        "a JSON serialisation in base64": encode(json.dumps(flattened).encode()),
        "a password in base64": base64.b64encode(b"ada:hunter2").decode(),
        "a UUID": "019aa3f0-7b6c-7d2e-9f41-3c5a8e1b2d70",
        "a session token": "T6K1y3wQmB0dC2nXvR8sLfHj5ZpUeGaI",
        "a PASETO": "v4.local.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "SQL": "'; DROP TABLE users; --",
        "a path": "../../etc/passwd",
        "an empty object, thrice": "e30.e30.e30",
        "an unsigned token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.",
    }
