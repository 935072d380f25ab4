"""`doctor < token`: explains whether a token would be accepted, and why not.

It prints no signature, and no claim that Taskward does not read.
"""

import os
import select
import stat
import sys
import time

from .. import make_verifier
from ..auth.bearer import bearer_token
from ..auth.claims import CHECKS, Claims, read_claims, seen, user_of
from ..auth.compact import Compact, read_compact
from ..auth.errors import (
    InvalidTokenError,
    KeysUnavailableError,
    Reason,
    UntimelyTokenError,
)
from ..auth.expected import Expected
from ..auth.quoting import quoted
from ..auth.tokens import TokenVerifier
from ..settings import Settings
from .errors import CommandError

MAX_BYTES = 64 * 1024
WAIT_SECONDS = 1
"""How long a program that is piped into this one may take for its first byte."""


def read_token(*, wait: bool) -> str:
    """Return the token on the standard input; "" if it is empty or a terminal.

    With `wait`, read it to its end, however long that takes.
    """
    try:
        descriptor = sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):  # it is closed
        return ""
    if not wait:
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        if os.isatty(descriptor):
            return ""
        if not is_file and not select.select([descriptor], [], [], WAIT_SECONDS)[0]:
            return ""
    text = sys.stdin.buffer.read(MAX_BYTES).decode(errors="replace").strip().strip("'\"")
    for prefix in ("authorization:", "bearer "):
        if text.lower().startswith(prefix):
            text = text[len(prefix) :].strip()
    return text


async def explain(settings: Settings, token: str) -> None:
    """Print a line for each check of a token. Raises `CommandError` if one fails."""
    verifier = make_verifier(settings)
    report = _Report()
    try:
        bearer_token([f"Bearer {token}"])
        compact = read_compact(token)
    except InvalidTokenError as error:
        report.fails("form", error)
    else:
        report.passes("header", f"alg {quoted(compact.algorithm)}, kid {quoted(compact.key_id)}")
        await _check_signature(verifier, compact, token, report)
        _check_claims(compact.payload, settings.expected_claims, report)
    finally:
        await verifier.close()
    report.conclude()


async def _check_signature(
    verifier: TokenVerifier, compact: Compact, token: str, report: "_Report"
) -> None:
    try:
        await verifier.verified_payload(compact, token)
    except InvalidTokenError as error:
        report.fails("signature", error)
    except KeysUnavailableError:
        fault = await verifier.keys_fault()
        raise CommandError(f"the signature cannot be checked: {fault}.") from None
    else:
        report.passes("signature", "valid")


def _check_claims(payload: bytes, expected: Expected, report: "_Report") -> None:
    try:
        claims = read_claims(payload)
    except InvalidTokenError as error:
        report.fails("claims", error)
        return
    for name, check in CHECKS.items():
        try:
            check(claims, expected, time.time())
        except InvalidTokenError as error:
            report.fails(name, error)
        else:
            report.passes(name, _shown(name, claims, expected))


def _shown(name: str, claims: Claims, expected: Expected) -> str:
    """Return what a check that passed has read."""
    match name:
        case "user":
            return quoted(user_of(claims, expected))
        case "times":
            return ", ".join(seen(claims, each) for each in ("iat", "nbf", "exp"))
        case "required claims":
            return ", ".join(seen(claims, each) for each in expected.claims) or "none are set"
    is_checked = expected.issuers if name == "iss" else expected.audiences
    return seen(claims, name) + ("" if is_checked else " (not checked)")


class _Report:
    """Prints the result of each check, and remembers the reasons of those that fail."""

    def __init__(self) -> None:
        self._reasons: list[Reason] = []

    def passes(self, name: str, words: str) -> None:
        print(f"ok    {name:15} {words}")

    def fails(self, name: str, error: InvalidTokenError) -> None:
        self._reasons.append(error.reason)
        off = f": {error.seconds:.0f} seconds" if isinstance(error, UntimelyTokenError) else ""
        print(f"FAIL  {name:15} {error}{off}")

    def conclude(self) -> None:
        """Raise `CommandError` if a check has failed."""
        if self._reasons:
            raise CommandError(f"the token would be rejected: {', '.join(self._reasons)}")
        print("The token would be accepted.")
