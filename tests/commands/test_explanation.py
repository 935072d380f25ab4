"""`doctor` explains a token, and warns of settings and of what the issuer publishes."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.folders import ROOT
from tests.support.key_server import key_server
from tests.support.keys import jwk, jwk_set
from tests.support.taskward import Finished, Taskward, bare_environment
from tests.support.tokens import ISSUER, SECRET
from tests.tokens.specimen import NOW, claims, encode, header, seal

EXPECTED = {"JWT_ISSUER": ISSUER["iss"], "JWT_AUDIENCE": ISSUER["aud"]}
WITH_SECRET = {"BETTER_AUTH_SECRET": SECRET, **EXPECTED}
Explain = Callable[..., Finished]
NOWHERE = {"DATABASE_URL": "postgresql://ada@127.0.0.1:1/x"}


def lines_of(finished: Finished) -> list[tuple[str, str]]:
    """Return the state and the name of each check."""
    lines = (each.split() for each in finished.out.splitlines())
    return [(each[0], each[1]) for each in lines if each[0] in {"ok", "warn", "FAIL"}]


@pytest.fixture
def explain(taskward: Taskward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Explain:
    """Run `doctor < FILE`."""

    def run(token: str, *arguments: str, **settings: str) -> Finished:
        (tmp_path / "token").write_text(token)
        with (tmp_path / "token").open() as file:
            monkeypatch.setattr(sys, "stdin", file)
            return taskward.run("doctor", *arguments, **settings)

    return run


@pytest.mark.parametrize("form", ["{}", "{}\n", "Bearer {}\n", "Authorization: Bearer {}", '"{}"'])
def test_a_valid_token_passes_each_check(explain: Explain, form: str) -> None:
    token = seal(claims(email="ada@example.com"))
    finished = explain(form.format(token), **WITH_SECRET)
    assert (finished.status, finished.err) == (0, "")
    assert lines_of(finished) == [
        ("ok", each) for each in ("header", "signature", "iss", "aud", "required", "user", "times")
    ]
    assert "The token would be accepted." in finished.out
    assert token.rpartition(".")[2] not in finished.out
    assert "ada@example.com" not in finished.out


def test_each_fault_of_a_token_is_explained(explain: Explain) -> None:
    wrong = claims(iss="https://id.example.com/", aud="account", sub=42, exp=NOW - 999)
    token = seal(wrong, secret=b"another secret of 32 bytes or more")
    finished = explain(token, **WITH_SECRET)
    assert finished.status == 1
    assert [name for state, name in lines_of(finished) if state == "FAIL"] == [
        *("signature", "iss", "aud", "user", "times"),
    ]
    for words in (
        "its signature is not valid under our keys",
        'iss is "https://id.example.com/", JWT_ISSUER is "https://id.example.com": they differ in',
        'aud is "account", JWT_AUDIENCE is "taskward"',
        "sub is 42, which is not a string",
        "exp is in the past, by this machine's clock: ",
    ):
        assert words in finished.out
    assert token.rpartition(".")[2] not in finished.out + finished.err
    assert "would be rejected: signature, issuer, audience, user, expired" in finished.err


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("T6K1y3wQmB0dC2nXvR8sLfHj5ZpUeGaI", "it is an opaque token, not a JWT"),
        (f"{encode(b'{}')}..a.b.c", "as an encrypted token (JWE)"),
        ("a b", "not of the form Bearer <token>"),
        ("x" * 20_000, "more than 16384 bytes"),
        (seal(None, header("HS256", jku="x")), "its header has jku"),
        (seal(None, header("HS256", alg="none")), "Taskward does not support its alg"),
        (seal(b"[]"), "its claims are not a JSON object"),
    ],
    ids=range(7),
)
def test_what_is_no_valid_jwt_is_explained(explain: Explain, token: str, words: str) -> None:
    finished = explain(token, **WITH_SECRET)
    assert finished.status == 1
    assert words in finished.out


def test_a_token_is_explained_with_the_keys_of_the_issuer(explain: Explain) -> None:
    token = seal(algorithm="ES384")
    with key_server() as published:
        assert explain(token, JWKS_URL=published.url, **EXPECTED).status == 0
        published.document = jwk_set(jwk("ES256"))
        unknown = explain(token, JWKS_URL=published.url, **EXPECTED)
        published.status = 500
        down = explain(token, JWKS_URL=published.url, **EXPECTED)
    assert "publishes no key, or several, for the kid and alg" in unknown.out
    assert down.status == 1
    assert "the signature cannot be checked: none could be fetched" in down.err


def test_a_token_that_is_piped_is_read(tmp_path: Path) -> None:
    environment = bare_environment() | WITH_SECRET | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "app", "doctor"]
    run = subprocess.run(
        [*command, "--token"],
        input=f"{seal()}\n",
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert "The token would be accepted." in run.stdout


def test_without_a_token_the_other_checks_run(explain: Explain) -> None:
    finished = explain("", **WITH_SECRET, **NOWHERE)
    assert ("FAIL", "database") in lines_of(finished)
    finished = explain("\n", "--token", **WITH_SECRET, **NOWHERE)
    assert finished.out == ""
    assert "there is no token on the standard input" in finished.err


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "HS256 without JWT_AUDIENCE and JWT_REQUIRED_CLAIMS"),
        ({"JWT_AUDIENCE": "any"}, "JWT_AUDIENCE=any: tokens that the issuer made for other"),
        ({"JWT_AUDIENCE": "a", "JWT_USER_CLAIM": "email"}, "JWT_USER_CLAIM=email: if that name"),
        ({"JWT_AUDIENCE": "a"}, None),
        ({"JWT_REQUIRED_CLAIMS": "token_type=access", "JWT_USER_CLAIM": "uid"}, None),
    ],
    ids=str,
)
def test_doctor_warns_of_settings(
    taskward: Taskward, settings: dict[str, str], words: str | None
) -> None:
    finished = taskward.run("doctor", BETTER_AUTH_SECRET=SECRET, **settings, **NOWHERE)
    warnings = [each for each in finished.out.splitlines() if each.startswith("warn")]
    assert [words in each for each in warnings if words] == [True] * len(warnings)
    assert bool(warnings) == (words is not None)


def test_doctor_warns_of_what_the_issuer_publishes(taskward: Taskward) -> None:
    with key_server() as published:
        issuer = published.url.removesuffix("/jwks")

        def doctor(issuers: str = issuer, **settings: str) -> str:
            given = {"JWT_ISSUER": issuers, "JWT_AUDIENCE": "taskward", **settings, **NOWHERE}
            return taskward.run("doctor", **given).out

        assert "warn" not in doctor(JWKS_URL=published.url)
        published.serve_discovery(issuer)
        assert "warn" not in doctor(JWKS_URL=published.url)
        assert "with 10 keys from" in doctor()
        elsewhere = doctor(JWKS_URL=f"{issuer}/other")
        assert f"but the discovery document of {issuer} names {published.url}" in elsewhere
        published.documents["/other"] = jwk_set(jwk("EdDSA"))
        assert f"{issuer}/other lacks 9 of them" in doctor(JWKS_URL=f"{issuer}/other")
        published.serve_discovery(f"{issuer}/b", jwks_uri=f"{issuer}/other")
        assert "warn" not in doctor(f"{issuer},{issuer}/b")
        published.documents["/other"] = jwk_set(jwk("EdDSA", 2))
        assert "lacks 1 of them" in doctor(f"{issuer},{issuer}/b")
        published.serve_discovery(issuer, f"{issuer}/")
        slash = doctor()
        assert f'names the issuer "{issuer}/". Set JWT_ISSUER to exactly that' in slash
        assert "FAIL  keys" in slash
        assert "warn  keys" in doctor(JWKS_URL=published.url)
        published.document = jwk_set(jwk("EdDSA"), {"kty": "AKP", "kid": "pq"})
        left_out = doctor("a name", JWKS_URL=published.url)
        assert 'key left out: kid "pq", kty "AKP": not supported' in left_out
        published.status = 404
        assert "JWKS_URL: cannot read the keys" in doctor(JWKS_URL=published.url)


def test_doctor_compares_clocks(development: Taskward) -> None:
    development.run("migrate")
    with key_server() as published:
        given = {"JWKS_URL": published.url, **EXPECTED}
        equal = development.run("doctor", **given)
        published.seconds_ahead = 90
        ahead = development.run("doctor", **given)
        published.seconds_ahead = -90
        behind = development.run("doctor", **given)
    assert (equal.status, ahead.status, behind.status) == (0, 1, 1)
    assert ("ok", "clock") in lines_of(equal)
    assert "the database's and equal to the issuer's" in equal.out
    assert "seconds behind the issuer's. Tokens are rejected" in ahead.out
    assert "seconds ahead of the issuer's. Tokens are rejected" in behind.out
