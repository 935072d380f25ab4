"""The issuer of these tests is the real Better Auth, and behaves as documented."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import psutil
import pytest

from tests import tokens
from tests.issuer.better_auth import BetterAuth

ROOT = Path(__file__).parents[2]
OTHER_TOKENS = [
    pytest.param(BetterAuth.verification_token, {"email"}, id="verification"),
    pytest.param(
        BetterAuth.cookie_cache_token,
        {"session", "user", "updatedAt", "version"},
        id="cookie-cache",
    ),
]
START_AND_DIE = """
import os, signal, sys
from pathlib import Path
from tests.issuer.better_auth import BetterAuth

issuer = BetterAuth("a-secret-for-the-tests-of-at-least-32-bytes", Path(sys.argv[1]))
issuer.start()
print(issuer.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def key_set(issuer: BetterAuth) -> dict[str, dict[str, Any]]:
    keys = httpx.get(issuer.jwks_url).raise_for_status().json()["keys"]
    return {key["kid"]: key for key in keys}


def new_token(issuer: BetterAuth) -> str:
    return issuer.token(issuer.sign_up(f"{uuid4()}@example.com"))


def kid(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def verified(token: str, issuer: BetterAuth) -> dict[str, Any]:
    key = jwt.PyJWK(key_set(issuer)[kid(token)])
    base_url = issuer.base_url
    return jwt.decode(token, key, ["EdDSA"], audience=base_url, issuer=base_url)


def test_a_token_of_a_new_user_holds_under_the_key_set(better_auth: BetterAuth) -> None:
    token = new_token(better_auth)
    claims = verified(token, better_auth)
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "kid": kid(token)}
    assert claims["iss"] == claims["aud"] == better_auth.base_url
    assert claims["exp"] - claims["iat"] == 15 * 60
    assert len(claims["sub"]) == 32


def test_after_a_rotation_a_new_key_signs_and_the_old_one_stays(better_auth: BetterAuth) -> None:
    old = new_token(better_auth)
    rotated = better_auth.rotate()
    new = new_token(better_auth)
    assert kid(new) == rotated != kid(old)
    assert verified(old, better_auth)["sub"] != verified(new, better_auth)["sub"]


def test_an_hs256_token_holds_under_the_secret(better_auth: BetterAuth) -> None:
    token = better_auth.sign_hs256({"sub": "ada"}, expires_in=60)
    claims = jwt.decode(token, tokens.SECRET, ["HS256"])
    assert jwt.get_unverified_header(token) == {"alg": "HS256"}
    assert claims == {"sub": "ada", "iat": claims["iat"], "exp": claims["iat"] + 60}


@pytest.mark.parametrize(("make", "members"), OTHER_TOKENS)
def test_another_token_under_the_secret_names_no_user(
    better_auth: BetterAuth, make: Callable[[BetterAuth], str], members: set[str]
) -> None:
    token = make(better_auth)
    assert jwt.get_unverified_header(token) == {"alg": "HS256"}
    assert jwt.decode(token, tokens.SECRET, ["HS256"]).keys() == {*members, "iat", "exp"}


def test_stopped_it_refuses_connections_and_started_it_has_the_same_keys(
    better_auth: BetterAuth,
) -> None:
    session = better_auth.sign_up(f"{uuid4()}@example.com")
    token = better_auth.token(session)
    keys = key_set(better_auth)
    better_auth.stop()
    try:
        with pytest.raises(httpx.ConnectError, match="refused"):
            httpx.get(better_auth.jwks_url)
    finally:
        better_auth.start()
    assert key_set(better_auth) == keys
    again = verified(better_auth.token(session), better_auth)
    assert again["sub"] == verified(token, better_auth)["sub"]


@pytest.mark.usefixtures("better_auth")
def test_it_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", START_AND_DIE, str(tmp_path / "tables")],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    pid = int(finished.stdout)
    with suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(timeout=10)
    assert not psutil.pid_exists(pid)
