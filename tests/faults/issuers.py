"""The issuer is unavailable, slow, or returns invalid keys."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import uuid4

from tests.faults.clients import Client, Load
from tests.faults.environment import FaultEnvironment, Size
from tests.faults.ledger import ACKNOWLEDGED, Ledger, RecordedRequest
from tests.faults.report import Row
from tests.support.key_server import KeyServer, key_server
from tests.support.keys import jwk_set, key_id, sign_with_key
from tests.support.tokens import ISSUER, claims_for, token_for
from tests.support.waiting import wait_until

SLOW_SECONDS = 8
"""Longer than the server waits for a response."""
BACK_SECONDS = 6
"""Above the five seconds between two fetches while no keys are known."""
KNOWN = 20
KID = key_id("EdDSA")


def _down(keys: KeyServer) -> None:
    keys.stop()


def _slow(keys: KeyServer) -> None:
    keys.seconds = SLOW_SECONDS


def _talks_nonsense(keys: KeyServer) -> None:
    keys.document = b"<html>"


def _mend(keys: KeyServer) -> None:
    keys.seconds, keys.document = 0, jwk_set()
    keys.stop()
    keys.start()


STATES: dict[str, Callable[[KeyServer], None]] = {
    "down": _down,
    f"slow ({SLOW_SECONDS} s)": _slow,
    "nonsense": _talks_nonsense,
}


def issuer(environment: FaultEnvironment, size: Size) -> Row:
    """Run each state of the issuer with a separate server, at the same time."""
    with ThreadPoolExecutor(len(STATES)) as threads:
        rows = threads.map(partial(_go_through, environment, size), STATES.values())
    return Row.together(
        "The issuer is down, slow, or answers nonsense", dict(zip(STATES, rows, strict=True))
    )


def _go_through(
    environment: FaultEnvironment, size: Size, trouble: Callable[[KeyServer], None]
) -> Row:
    """Start with the trouble, then serve the keys, then cause the trouble again."""
    issued, users = Ledger(), [f"issued {uuid4()}", f"shared {uuid4()}"]
    with key_server() as keys:
        settings = {
            "JWKS_URL": keys.url,
            "JWT_ISSUER": ISSUER["iss"],
            "JWT_AUDIENCE": ISSUER["aud"],
        }
        trouble(keys)
        with environment.another(**settings) as other:
            # Tokens of the shared secret do not need the issuer.
            others = Load(other, [token_for(users[1], **ISSUER)])
            ask = partial(_ask, other, users[0], issued)
            with others.running() as shared:
                first = ask()
                _mend(keys)
                mended = time.monotonic()
                wait_until(lambda: ask().status in ACKNOWLEDGED)
                took = time.monotonic() - mended
                trouble(keys)
                known = {ask().status for _ in range(KNOWN)}
                unknown = ask(kid="unknown")
            statuses, slowest = {*shared.statuses}, shared.slowest
            issued.requests += shared.requests
            row = other.row("", issued, users)
    row.require_statuses("200", "201", "401", "503")
    row.require(statuses <= ACKNOWLEDGED, f"tokens of the shared secret: {statuses}")
    row.require(first.status == "503", f"{first.status} without keys")
    row.require(took <= BACK_SECONDS * size.patience, f"back only after {took:.1f} s")
    row.require(known == {"201"}, f"{known} for tokens of known keys")
    row.require(unknown.status == "401", f"{unknown.status} for a token of an unknown key")
    row.note(f"without keys 503, and 201 {took:.1f} s after it is well again")
    row.note(f"{KNOWN} new tokens of known keys 201")
    row.note(f"one of an unknown key 401 after {unknown.seconds:.1f} s")
    row.note(f"tokens of the shared secret not affected ({slowest * 1000:.0f} ms at most)")
    return row


def _ask(server: FaultEnvironment, user: str, ledger: Ledger, kid: str = KID) -> RecordedRequest:
    # A token that was verified before would not need a key.
    token = sign_with_key(claims_for(user, **ISSUER, jti=str(uuid4())), "EdDSA", kid=kid)
    client = Client(server, token, ledger)
    try:
        return client.ask("POST", "/api/tasks", {"title": "x"}, promises="{id}")
    finally:
        client.close()
