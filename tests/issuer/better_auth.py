"""Run a real Better Auth in a separate process, and use it as a front end does."""

import os
import socket
import subprocess
from contextlib import AbstractContextManager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import httpx

from tests.support.node_packages import find

FOLDER = Path(__file__).parent
_PASSWORD = "a-password-of-a-test"


class BetterAuth(AbstractContextManager["BetterAuth"]):
    """An issuer that can be stopped and restarted. Its address, users and keys stay the same."""

    def __init__(self, secret: str, state: Path) -> None:
        self._reserved = _bind(0)
        self.base_url = f"http://127.0.0.1:{self._reserved.getsockname()[1]}"
        self.jwks_url = f"{self.base_url}/api/auth/jwks"
        # Without cookies, to prove that the tokens alone are enough.
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._http = httpx.Client(
            base_url=self.base_url, cookies=no_cookies, trust_env=False, timeout=10
        )
        self._environment = {
            "PATH": os.environ["PATH"],
            "BETTER_AUTH_SECRET": secret,
            "BETTER_AUTH_STATE": str(state),
            "BETTER_AUTH_URL": self.base_url,
        }
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._reserved.close()
        self._http.close()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        descriptor = self._reserved.fileno()
        self._process = subprocess.Popen(
            [find("node"), "server.mjs"],
            cwd=FOLDER,
            env={**self._environment, "LISTEN_FD": str(descriptor)},
            pass_fds=[descriptor],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reserved.close()
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            self.stop()
            raise RuntimeError("Better Auth did not start")

    def stop(self) -> None:
        """Stop it. Its port refuses connections, and stays reserved."""
        if self._process is None:
            return
        try:
            self._process.communicate(timeout=10)
        finally:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._reserved = _bind(httpx.URL(self.base_url).port or 0)

    def sign_up(self, email: str) -> str:
        """Create a user, and return the token of its session."""
        body = {"email": email, "password": _PASSWORD, "name": "Ada"}
        origin = {"Origin": self.base_url}
        response = self._http.post("/api/auth/sign-up/email", json=body, headers=origin)
        return response.raise_for_status().headers["set-auth-token"]

    def token(self, session: str) -> str:
        """Return a JSON Web Token for the user of the session, as clients send it to Taskward."""
        headers = {"Authorization": f"Bearer {session}"}
        response = self._http.get("/api/auth/token", headers=headers)
        return str(response.raise_for_status().json()["token"])

    def rotate(self) -> str:
        """Sign with a new key from now on. Return its `kid`. The old key stays in the key set."""
        return self._control("rotate")

    def sign_hs256(self, claims: dict[str, Any], expires_in: int = 3600) -> str:
        """Sign claims as Better Auth's `signJWT` does. It sets `iat`, and `exp` in seconds."""
        return self._control("sign", claims=claims, expiresIn=expires_in)

    def verification_token(self) -> str:
        """Return the token in the link of an e-mail that verifies an address."""
        return self._control("verification-token", email="ada@example.com")

    def cookie_cache_token(self) -> str:
        """Return the cookie `better-auth.session_data` that a new user gets at sign-in."""
        email = f"{uuid4()}@example.com"
        self.sign_up(email)
        return self._control("cookie-cache-token", email=email, password=_PASSWORD)

    def _control(self, name: str, **arguments: object) -> str:
        response = self._http.post(f"/control/{name}", json=arguments)
        assert response.is_success, response.text
        return response.text


def _bind(port: int) -> socket.socket:
    """Return a socket that reserves a port and does not listen."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", port))
    return held
