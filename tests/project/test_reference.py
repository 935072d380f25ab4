"""The reference pages agree with the code."""

import ast
import re
from collections.abc import Iterator

import pytest

from app import MAX_BODY_BYTES
from app.__main__ import main
from app.auth.bearer import MAX_TOKEN_BYTES
from app.auth.in_flight import MAX_REQUESTS, MAX_UNREAD_BYTES
from app.commands.program import PROGRAM
from app.server.http.connections import MAX_CONNECTIONS, MAX_PER_ADDRESS, RESERVED_DESCRIPTORS
from app.server.middleware.request_guard import MAX_HEADER_BYTES, MAX_TARGET_BYTES
from app.settings import Settings
from app.tasks.deletions import MAX_DELETED_BYTES, MAX_TOMBSTONES
from app.tasks.idempotency import MAX_KEY_BYTES
from quart_contract.requests import MAX_PARAMETERS
from quart_contract.strict_json import MAX_DEPTH, MAX_VALUES
from tests.blocks import read_block
from tests.project.reference import FOLDER, PAGES, samples
from tests.support.folders import ROOT

COMMANDS = (FOLDER / "commands.md").read_text()


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_current(name: str) -> None:
    written = read_block(FOLDER / f"{name}.md", name)
    assert written == PAGES[name](), f"docs/reference/{name}.md is stale: run make reference"


def test_env_example_shows_the_defaults() -> None:
    shown = samples()
    defaults = {
        name: field.default
        for name, field in Settings.model_fields.items()
        if field.default not in (None, ())
    }
    given = {name: shown[name.upper()] for name in defaults}
    read = Settings.model_validate(given)
    assert {name: getattr(read, name) for name in defaults} == defaults


def test_the_commands_page_has_every_command_with_its_usage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def help_of(*command: str) -> str:
        with pytest.raises(SystemExit):
            main([*command, "--help"])
        return capsys.readouterr().out

    names = re.findall(r"(?m)^    (\w+) ", help_of())
    usages = {name: help_of(name).partition("\n\n")[0].replace(" [-h]", "") for name in names}
    sections = re.findall(r"(?m)^## (\w+)\n\n`(.+)`$", COMMANDS)
    assert dict(sections) == {
        name: text.removeprefix("usage: ").replace(PROGRAM, "taskward")
        for name, text in usages.items()
    }


def test_the_limits_page_has_the_limits_of_the_code() -> None:
    page = (FOLDER / "limits.md").read_text()
    said = [
        f"{MAX_BODY_BYTES // 2**10} KiB, {MAX_VALUES:,} values, {MAX_DEPTH} levels",
        f"{MAX_TARGET_BYTES // 2**10} KiB, {MAX_PARAMETERS} query parameters",
        f"the header section | {MAX_HEADER_BYTES // 2**10} KiB",
        f"a token | {MAX_TOKEN_BYTES // 2**10} KiB",
        f"requests in flight | {MAX_REQUESTS} in each process",
        f"not read | {MAX_UNREAD_BYTES // 2**20} MiB in each process",
        f"idempotency keys | {MAX_KEY_BYTES // 2**20} MiB in 24 hours",
        f"tombstones of deleted tasks | {MAX_TOMBSTONES:,}",
        f"content of deleted tasks | {MAX_DELETED_BYTES // 2**20} MiB in 30 days",
        f"less {RESERVED_DESCRIPTORS} and `DATABASE_POOL_SIZE`, and at most {MAX_CONNECTIONS:,}",
        f"at most {MAX_PER_ADDRESS};",
    ]
    assert [each for each in said if each not in page] == []


def test_the_log_events_of_the_pages_exist() -> None:
    folders = ROOT / "app", ROOT / "quart_contract"
    source = "".join(path.read_text() for each in folders for path in each.rglob("*.py"))
    pages = [*FOLDER.glob("*.md"), *FOLDER.with_name("how-to").glob("*.md")]
    text = "".join(page.read_text() for page in pages if page.name != "databases.md")
    named = re.findall(
        r"`((?!make |systemctl |taskward |docker |--)[a-z-]+(?: [a-z]+){1,3})`", text
    )
    assert len(named) > 3
    assert [event for event in named if f'"{event}"' not in source] == []


def test_the_monitoring_page_explains_each_log_event() -> None:
    page = (FOLDER.with_name("how-to") / "monitor.md").read_text()
    _, _, table = page.partition("| event | meaning | what to do |")
    rows = [line for line in table.partition("\n\n")[0].splitlines() if line.startswith("| `")]
    explained = [event for row in rows for event in re.findall("`(.+?)`", row.split("|")[1])]
    assert sorted(explained) == sorted({*events_of_the_code()} - {"request"})


def events_of_the_code() -> Iterator[str]:
    """Yield the events that are logged at the default level."""
    levels = {"info", "ainfo", "warning", "awarning", "error", "exception", "aexception"}
    for path in (*(ROOT / "app").rglob("*.py"), *(ROOT / "quart_contract").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "(begins, ends)":
                yield from ast.literal_eval(node.value)
            if not isinstance(node, ast.Call):
                continue
            called, found = ast.unparse(node.func), [*map(_literal, node.args)]
            if called.endswith("LastingEvent"):
                yield from filter(None, found[1:])
            elif called == "partial" and ast.unparse(node.args[0]) == "logger.warning":
                yield from filter(None, found[1:2])
            elif called == "_warn_of" or called in {f"logger.{level}" for level in levels}:
                yield from filter(None, found[:1])


def _literal(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
