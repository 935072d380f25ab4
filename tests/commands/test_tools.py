"""Tests of `token`, `migrate` and `doctor`, and of the messages for misspelt settings."""

import time
from pathlib import Path

import jwt
import pytest
from sqlalchemy import make_url

from app.database.driver.url import DatabaseUrl
from tests.support.clients import get
from tests.support.key_server import key_server
from tests.support.taskward import Taskward
from tests.support.tokens import OTHER_SECRET, SECRET


def test_a_token_names_its_user_and_ends_in_time(taskward: Taskward) -> None:
    before = int(time.time())
    printed = taskward.run("token", "ada", "--ttl", "60", BETTER_AUTH_SECRET=SECRET).out.strip()
    claims = jwt.decode(printed, SECRET, algorithms=["HS256"])
    assert claims["sub"] == "ada"
    assert before + 60 <= claims["exp"] <= int(time.time()) + 60


def test_a_token_is_signed_with_the_present_secret(taskward: Taskward) -> None:
    settings = {"BETTER_AUTH_SECRET": SECRET, "BETTER_AUTH_SECRET_PREVIOUS": OTHER_SECRET}
    printed = taskward.run("token", "ada", **settings).out.strip()
    assert jwt.decode(printed, SECRET, algorithms=["HS256"])["sub"] == "ada"


def test_doctor_reminds_of_a_previous_secret(taskward: Taskward) -> None:
    settings = {"BETTER_AUTH_SECRET": SECRET, "BETTER_AUTH_SECRET_PREVIOUS": OTHER_SECRET}
    finished = taskward.run("doctor", DATABASE_URL="postgresql://ada@127.0.0.1:1/x", **settings)
    assert "BETTER_AUTH_SECRET_PREVIOUS (unset it" in finished.out


def test_a_token_has_the_issuer_and_the_audience_that_are_set(taskward: Taskward) -> None:
    settings = {"BETTER_AUTH_SECRET": SECRET, "JWT_ISSUER": "https://id", "JWT_AUDIENCE": "tasks"}
    printed = taskward.run("token", "ada", **settings).out.strip()
    claims = jwt.decode(printed, SECRET, ["HS256"], audience="tasks", issuer="https://id")
    assert (claims["iss"], claims["aud"]) == ("https://id", "tasks")


def test_without_a_secret_there_is_no_token(taskward: Taskward) -> None:
    finished = taskward.run("token", "ada")
    assert finished.status == 1
    assert "Set BETTER_AUTH_SECRET" in finished.err


@pytest.mark.parametrize(("user", "ttl"), [(" ada", "60"), ("x" * 256, "60"), ("ada", "-60")])
def test_a_token_that_could_not_hold_is_not_printed(
    taskward: Taskward, user: str, ttl: str
) -> None:
    finished = taskward.run("token", user, f"--ttl={ttl}", BETTER_AUTH_SECRET=SECRET)
    assert finished.status == 1
    assert finished.err.startswith("taskward: a token for ")


def test_doctor_says_what_is_well_a_line_each(development: Taskward) -> None:
    development.run("migrate")
    finished = development.run("doctor", BETTER_AUTH_SECRET=SECRET, JWT_AUDIENCE="taskward")
    assert finished.status == 0
    lines = finished.out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["ok", name]
        for name in (
            "settings",
            "contract",
            "keys",
            "database",
            "schema",
            "isolation",
            "users",
            "clock",
            "signals",
        )
    ]
    assert "PostgreSQL 18" in finished.out


def test_doctor_says_what_is_not(taskward: Taskward) -> None:
    finished = taskward.run("doctor", DATABASE_URL="postgresql://ada:hunter2@127.0.0.1:1/x")
    assert finished.status == 1
    states = {line.split()[1]: line.split()[0] for line in finished.out.splitlines()}
    assert states == {
        "settings": "ok",
        "contract": "ok",
        "keys": "FAIL",
        "database": "FAIL",
        "schema": "FAIL",
        "isolation": "FAIL",
        "users": "FAIL",
        "clock": "FAIL",
        "signals": "FAIL",
    }
    assert "hunter2" not in finished.out + finished.err


def test_doctor_looks_at_the_keys_that_the_issuer_publishes(taskward: Taskward) -> None:
    claims = {"JWT_ISSUER": "https://id.example.com", "JWT_AUDIENCE": "taskward"}
    claims["DATABASE_URL"] = "postgresql://ada@127.0.0.1:1/x"  # not needed, and quick to fail
    with key_server() as issuer:
        secret_url = issuer.url.replace("//", "//ada:hunter2@")
        well = taskward.run("doctor", JWKS_URL=secret_url, **claims)
        issuer.document = b"{}"
        ill = taskward.run("doctor", JWKS_URL=issuer.url, **claims)
        issuer.document = b'{"keys": []}'
        bare = taskward.run("doctor", JWKS_URL=issuer.url, **claims)
    down = taskward.run("doctor", JWKS_URL=issuer.url, **claims)
    assert ", Ed25519, EdDSA, PS256, PS384, " in well.out
    assert f"keys from {issuer.url}" in well.out
    assert "hunter2" not in well.out + well.err
    assert "not a JWK Set" in ill.out
    assert "no supported key" in bare.out
    assert "ConnectError" in down.out


def test_doctor_shares_the_database_of_a_running_server(development: Taskward) -> None:
    server = development.serve("dev")
    finished = development.run("doctor")
    assert finished.status == 0
    assert "the development server's secret" in finished.out
    development.stop(server)


def test_a_configured_database_is_used_and_no_other_is_made(
    taskward: Taskward, database_url: DatabaseUrl
) -> None:
    settings = {"DATABASE_URL": database_url.text, "BETTER_AUTH_SECRET": SECRET}
    assert taskward.run("doctor", **settings).status == 0
    server = taskward.serve("dev", **settings)
    assert get(taskward, "/api/tasks", "ada").status_code == 200
    taskward.stop(server)
    assert not taskward.data_dir.exists()


def test_wrong_settings_are_told_all_at_once_without_a_traceback(taskward: Taskward) -> None:
    finished = taskward.run("serve", BETTER_AUTH_SECRET="short", BIND="8000", LOG_LEVEL="loud")
    assert finished.status == 1
    assert [line.split()[0] for line in finished.err.splitlines()[1:]] == [
        "BETTER_AUTH_SECRET:",
        "BIND:",
        "LOG_LEVEL:",
    ]
    assert "Traceback" not in finished.err


def test_an_unreachable_database_is_named_without_its_password(
    taskward: Taskward,
) -> None:
    finished = taskward.run("migrate", DATABASE_URL="postgresql://ada:hunter2@127.0.0.1:1/x")
    assert finished.status == 1
    assert "postgresql://ada:***@127.0.0.1:1/x cannot be reached" in finished.err
    assert "hunter2" not in finished.err
    assert "Traceback" not in finished.err


def with_options(url: str, options: str) -> str:
    """Return the URL with the parameter `options`."""
    return make_url(url).update_query_dict({"options": options}).render_as_string(False)


@pytest.mark.parametrize("command", ["serve", "dev", "migrate", "purge", "restored", "doctor"])
def test_parameters_that_postgresql_refuses_are_told(
    taskward: Taskward, settings_of_two: dict[str, str], command: str
) -> None:
    url = with_options(settings_of_two["DATABASE_URL"], "-c nosuch=1")
    finished = taskward.run(command, **settings_of_two | {"DATABASE_URL": url})
    assert finished.status == 1
    said = finished.out + finished.err
    assert 'rejected the connection (unrecognized configuration parameter "nosuch")' in said
    assert "Traceback" not in said


def test_a_search_path_without_a_schema_is_told(
    taskward: Taskward, settings_of_two: dict[str, str]
) -> None:
    url = with_options(settings_of_two["DATABASE_URL"], "-c search_path=nosuch")
    finished = taskward.run("migrate", **settings_of_two | {"DATABASE_URL": url})
    assert finished.status == 1
    assert "Create the first schema of search_path" in finished.err
    assert "Traceback" not in finished.err


@pytest.mark.parametrize("arguments", [[], ["fly"], ["token"], ["token", "ada", "--ttl", "soon"]])
def test_a_mistyped_command_shows_how_it_is_written(
    taskward: Taskward, arguments: list[str]
) -> None:
    finished = taskward.run(*arguments)
    assert finished.status == 2
    assert finished.err.startswith("usage: python -m app")


def test_a_folder_that_cannot_keep_a_secret_is_named(taskward: Taskward) -> None:
    taskward.data_dir.write_text("a file")
    finished = taskward.run("dev")
    assert finished.status == 1
    assert "cannot keep a secret" in finished.err
    assert "Traceback" not in finished.err


def test_nothing_is_distributed_where_there_is_no_citus(
    taskward: Taskward, empty_database: DatabaseUrl
) -> None:
    url = empty_database.text
    refused = taskward.run("migrate", "--citus", DATABASE_URL=url)
    assert (refused.status, refused.out) == (1, "")
    assert "CREATE EXTENSION citus;" in refused.err
    assert "Run python -m app migrate" in taskward.run("doctor", DATABASE_URL=url).out


@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize("command", ["serve", "migrate", "doctor", "restored", "purge"])
@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DATABSE_URL", "DATABASE_URL"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("DATABASE_URL", None),
        ("DATABASE_URL_FIEL", "DATABASE_URL_FILE"),
        ("DATABASE_URL_FILE", None),
    ],
)
def test_a_misspelt_or_empty_database_url_is_refused(
    taskward: Taskward,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    name: str,
    meant: str | None,
    in_file: bool,
) -> None:
    value = "" if meant is None else "postgresql://ada:hunter2@h/d"
    monkeypatch.chdir(taskward.folder)
    if in_file:
        Path(".env").write_text(f"{name}={value}\n")
    environment = {} if in_file else {name: value}
    finished = taskward.run(command, BETTER_AUTH_SECRET=SECRET, **environment)
    assert not taskward.data_dir.exists()
    assert finished.status == 1
    said = finished.out + finished.err
    fault = f"not a setting. Did you mean {meant}?" if meant else "empty"
    assert f"{name} is {fault}" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("in_file", [False, True])
def test_dev_warns_of_a_misspelt_database_url(development: Taskward, in_file: bool) -> None:
    if in_file:
        (development.folder / ".env").write_text("DATABSE_URL=postgresql://ada:hunter2@h/d\n")
    environment = {} if in_file else {"DATABSE_URL": "postgresql://ada:hunter2@h/d"}
    finished = development.stop(development.serve("dev", LOG_FORMAT="json", **environment))
    (line,) = [each for each in finished.err.splitlines() if "unknown setting" in each]
    assert '"name":"DATABSE_URL","did_you_mean":"DATABASE_URL"' in line
    assert "hunter2" not in finished.err + finished.out


def test_serve_says_where_the_tasks_are(
    taskward: Taskward, settings_of_two: dict[str, str]
) -> None:
    settings = settings_of_two | {"WORKERS": "1", "LOG_LEVEL": "info", "JWT_ISUER": "x"}
    log = taskward.stop(taskward.serve("serve", **settings)).err
    (line,) = [each for each in log.splitlines() if '"server starting"' in each]
    assert taskward.bind in line
    assert '"database":"postgresql://taskward:***@' in line
    assert '"name":"JWT_ISUER","did_you_mean":"JWT_ISSUER"' in log
