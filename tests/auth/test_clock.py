"""Signs of a wrong clock: each is a warning with the measured difference."""

from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any

import pytest
import structlog

from app.auth.clock import MANY
from app.auth.errors import InvalidTokenError
from app.auth.tokens import TokenVerifier
from tests.auth.signed_tokens import signed_token, user_of
from tests.support.key_server import KeyServer
from tests.support.tokens import ISSUER, claims_for, sign, token_for

Lines = list[MutableMapping[str, Any]]


async def reject(verifier: TokenVerifier, number: int, **times: timedelta) -> None:
    with pytest.raises(InvalidTokenError):
        await verifier.verify(sign(claims_for(f"user {number}", **ISSUER, **times)))


def warnings(lines: Lines) -> list[tuple[str, int]]:
    return [
        (each["reason"], each["seconds"]) for each in lines if each["event"] == "clock seems wrong"
    ]


async def test_many_tokens_of_the_future_are_a_sign(verifier: TokenVerifier) -> None:
    ahead = timedelta(seconds=90)
    with structlog.testing.capture_logs() as lines:
        for number in range(MANY - 1):
            await reject(verifier, number, iat=ahead)
            assert await verifier.verify(token_for(f"valid {number}", **ISSUER))
        assert warnings(lines) == []
        for number in range(2 * MANY):
            await reject(verifier, number, nbf=ahead)
    [(reason, seconds)] = warnings(lines)
    assert reason == "many tokens are not valid yet: this clock may be behind the issuer's"
    assert 85 <= seconds <= 91


async def test_only_expired_tokens_are_a_sign(verifier: TokenVerifier) -> None:
    old = {"iat": timedelta(seconds=-1000), "exp": timedelta(seconds=-100)}
    with structlog.testing.capture_logs() as lines:
        for number in range(3 * MANY):
            await reject(verifier, number, **old)
            if number % (MANY - 1) == 0:  # a new token shows that the clock is right
                assert await verifier.verify(token_for(f"valid {number}", **ISSUER))
        for number in range(3 * MANY):
            await reject(verifier, number, exp=timedelta(days=-2), iat=timedelta(days=-3))
        for _ in range(3 * MANY):
            await reject(verifier, 0, **old)
        assert warnings(lines) == []
        for number in range(MANY):
            await reject(verifier, number, **old)
    [(reason, seconds)] = warnings(lines)
    assert reason == "all new tokens have expired: this clock may be ahead of the issuer's"
    assert 1000 <= seconds <= 1010


@pytest.mark.parametrize(
    ("ahead", "age", "words"),
    [
        (0, None, None),
        (20, None, None),
        (-20, None, None),
        (90, None, "the issuer's clock is ahead of the clock of this machine"),
        (-90, None, "the issuer's clock is behind the clock of this machine"),
        (-90, 100, None),  # a cache kept the response, with its date
        (0, 100, None),  # a cache kept it, and gave it a new date
        (90, 100, "the issuer's clock is ahead of the clock of this machine"),
        (-300, 100, "the issuer's clock is behind the clock of this machine"),
    ],
)
async def test_the_time_that_the_issuer_states_is_compared(
    verifier: TokenVerifier, published: KeyServer, ahead: int, age: int | None, words: str | None
) -> None:
    published.seconds_ahead = ahead
    published.headers = {} if age is None else {"Age": str(age)}
    with structlog.testing.capture_logs() as lines:
        assert await user_of(verifier, signed_token()) == "ada"
    assert [reason for reason, _ in warnings(lines)] == ([words] if words else [])
    for _, seconds in warnings(lines):
        assert abs(seconds - abs(ahead + (age or 0) * (ahead < 0))) <= 5


async def test_a_clock_that_was_set_right_is_logged(
    verifier: TokenVerifier, published: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.lasting_event.CALM_SECONDS", 0)
    published.seconds_ahead = 90
    with structlog.testing.capture_logs() as lines:
        assert await user_of(verifier, signed_token()) == "ada"
        for ahead in (90, 0):
            published.seconds_ahead = ahead
            with pytest.raises(InvalidTokenError):
                await verifier.verify(signed_token(kid="unknown"), f"client {ahead}")
    events = [each["event"] for each in lines if "clock" in each["event"]]
    assert events == ["clock seems wrong", "clock seems right"]


@pytest.mark.parametrize("age", ["x", "-5", "9" * 5000, "1e3", ""])
async def test_an_odd_age_is_ignored(
    verifier: TokenVerifier, published: KeyServer, age: str
) -> None:
    published.headers = {"Age": age}
    assert await user_of(verifier, signed_token()) == "ada"
