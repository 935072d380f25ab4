"""A contract that breaks clients of the last release needs a version that says so.

Redocly CLI finds the differences and rates them. `released/` has each released contract, byte
for byte, and `breaking.yaml` the reason for each change that breaks clients.
"""

import copy
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.openapi import read
from tests.support.node_packages import installed_or_skipped

TOOLS = Path(__file__).with_name("tools")
RELEASED = Path(__file__).with_name("released")
CONTRACT = read()

Tree = dict[str, Any]


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))


def last_release() -> Tree:
    """Return the released contract with the highest version."""
    path = max(RELEASED.glob("openapi-*.yaml"), key=lambda each: version(each.stem))
    tree: Tree = yaml.safe_load(path.read_bytes())
    return tree


def may_break(before: str, after: str) -> bool:
    """Return whether clients can break between two versions, according to SemVer."""
    old, new = version(before), version(after)
    # Before 1.0.0, the second number counts as the major version.
    return new[:1] > old[:1] or (old[0] == 0 and new[:2] > old[:2])


def unrated(change: Tree) -> Iterator[str]:
    """Yield a message for a change that breaks clients and that Redocly CLI does not rate."""
    of = change.get("property")
    if change["impact"] == "major" or change["kind"] == "added":
        return
    if change["typeName"] == "SecurityRequirementList":
        yield f"The security of {change['path']} was {change['kind']}."
    elif of in ("default", "x-default", "propertyName") and "value" in change["base"]:
        yield f"The value of {change['base']['pointer']} was {change['kind']}."
    elif of == "enum":  # of a response: programs test for the value
        now = change["revision"].get("value", [])
        for lost in set(change["base"].get("value", [])) - set(now):
            yield f"Enum at {change['base']['pointer']} lost '{lost}'."


@pytest.fixture(scope="module")
def breaking(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Tree, Tree], list[str]]:
    """Return the breaking changes between two contracts, as messages."""
    redocly = installed_or_skipped(TOOLS) / "redocly"
    folder = tmp_path_factory.mktemp("contracts")

    def compare(before: Tree, after: Tree) -> list[str]:
        for name, tree in (("before", before), ("after", after)):
            (folder / f"{name}.json").write_text(json.dumps(tree))
        config = ["--config", str(TOOLS / "redocly.yaml"), "--format", "json"]
        run = subprocess.run(
            [str(redocly), "diff", "before.json", "after.json", *config, "--fail-on", "none"],
            cwd=folder,
            env=os.environ | {"REDOCLY_TELEMETRY": "off"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        changes = json.loads(run.stdout)["changes"]
        verdicts = (verdict for change in changes for verdict in change["verdicts"])
        rated = [each["message"] for each in verdicts if each["impact"] == "major"]
        return rated + sorted({each for change in changes for each in unrated(change)})

    return compare


def unannounced(
    released: Tree, now: Tree, breaking: Callable[[Tree, Tree], list[str]]
) -> list[str]:
    """Return the breaking changes since a release, unless the version announces them."""
    if may_break(released["info"]["version"], now["info"]["version"]):
        return []
    return breaking(released, now)


def test_the_contract_is_compatible_unless_its_version_says_not(
    breaking: Callable[[Tree, Tree], list[str]],
) -> None:
    released, now = last_release(), dict(CONTRACT.tree)
    assert version(now["info"]["version"]) >= version(released["info"]["version"])
    assert unannounced(released, now, breaking) == []


def test_each_breaking_change_is_recorded_with_its_reason(
    breaking: Callable[[Tree, Tree], list[str]],
) -> None:
    recorded = yaml.safe_load((RELEASED / "breaking.yaml").read_text())
    assert all(each.keys() == {"breaks", "why"} for each in recorded.values())
    found = breaking(last_release(), dict(CONTRACT.tree))
    matches = {each: [key for key in recorded if re.fullmatch(key, each)] for each in found}
    assert [each for each, keys in matches.items() if len(keys) != 1] == []
    assert {key for keys in matches.values() for key in keys} == set(recorded)


def schemas(tree: Tree) -> Tree:
    found: Tree = tree["components"]["schemas"]
    return found


BREAKING: dict[str, Callable[[Tree], object]] = {
    "an operation is gone": lambda tree: tree["paths"]["/api/me"].pop("delete"),
    "a path is gone": lambda tree: tree["paths"].pop("/api/tasks/{id}/complete"),
    "a member of answers is gone": lambda tree: (
        schemas(tree)["Task"]["properties"].pop("due_at"),
        schemas(tree)["Task"]["required"].remove("due_at"),
    ),
    "a member of requests is required": lambda tree: schemas(tree)["TaskInput"]["required"].append(
        "due_at"
    ),
    "a new member of requests is required": lambda tree: (
        schemas(tree)["TaskInput"]["properties"].update(color={"type": "string"}),
        schemas(tree)["TaskInput"]["required"].append("color"),
    ),
    "a member of requests is gone": lambda tree: schemas(tree)["TaskInput"]["properties"].pop(
        "due_at"
    ),
    "a title must be shorter": lambda tree: schemas(tree)["Title"].update(maxLength=100),
    "a filter has fewer choices": lambda tree: schemas(tree)["TaskStatus"]["enum"].remove("all"),
    "a parameter is required": lambda tree: tree["components"]["parameters"]["Limit"].update(
        required=True
    ),
    "a parameter is gone": lambda tree: tree["paths"]["/api/tasks"]["get"]["parameters"].pop(1),
    "a type is another": lambda tree: schemas(tree)["Task"]["properties"]["revision"].update(
        type="string"
    ),
    "an answer is gone": lambda tree: tree["paths"]["/api/tasks"]["post"]["responses"].pop("201"),
    "a media type is gone": lambda tree: tree["components"]["requestBodies"]["TaskPatch"][
        "content"
    ].pop("application/merge-patch+json"),
}
HARMLESS: dict[str, Callable[[Tree], object]] = {
    "an operation is new": lambda tree: tree["paths"].update(
        {"/api/new": copy.deepcopy(tree["paths"]["/health/live"])}
    ),
    "an optional parameter is new": lambda tree: tree["paths"]["/api/me"]["get"].update(
        parameters=[{"name": "x", "in": "query", "schema": {"type": "string"}}]
    ),
    "an optional member of requests is new": lambda tree: schemas(tree)["TaskInput"][
        "properties"
    ].update(color={"type": "string"}),
    "a header of answers is new": lambda tree: tree["components"]["responses"]["Task"][
        "headers"
    ].update({"X-New": {"schema": {"type": "string"}}}),
    "a description is another": lambda tree: schemas(tree)["Task"].update(description="Other."),
    "a search may be longer": lambda tree: schemas(tree)["SearchText"].update(maxLength=300),
}


def changed(change: Callable[[Tree], object]) -> Tree:
    tree = copy.deepcopy(dict(CONTRACT.tree))
    change(tree)
    return tree


@pytest.mark.parametrize("name", BREAKING)
def test_a_change_that_breaks_clients_is_found(
    name: str, breaking: Callable[[Tree, Tree], list[str]]
) -> None:
    assert breaking(dict(CONTRACT.tree), changed(BREAKING[name]))


def test_breaking_changes_that_redocly_does_not_rate_are_found(
    breaking: Callable[[Tree, Tree], list[str]],
) -> None:
    def change(tree: Tree) -> None:
        schemas(tree)["ProblemCode"]["enum"].remove("rate_limited")
        schemas(tree)["TaskSort"]["x-default"] = "due_at"
        schemas(tree)["BatchOperation"]["discriminator"]["propertyName"] = "kind"
        del tree["paths"]["/health/live"]["get"]["security"]

    found = breaking(dict(CONTRACT.tree), changed(change))
    assert [each for each in found if "ProblemCode" not in each] == [
        "The security of #/paths/~1health~1live/get/security was removed.",
        "The value of #/components/schemas/BatchOperation/discriminator/propertyName was modified.",
        "The value of #/components/schemas/TaskSort/x-default was modified.",
    ]
    assert "Enum at #/components/schemas/ProblemCode/enum lost 'rate_limited'." in found


def test_changes_that_break_no_client_are_let_through(
    breaking: Callable[[Tree, Tree], list[str]],
) -> None:
    harmless = changed(lambda tree: [change(tree) for change in HARMLESS.values()])
    assert breaking(dict(CONTRACT.tree), harmless) == []


@pytest.mark.parametrize(
    ("step", "is_let_through"),
    [((0, 0, 0), False), ((0, 0, 1), False), ((0, 1, 0), True), ((1, 0, 0), True)],
)
def test_a_breaking_change_needs_a_breaking_version(
    step: tuple[int, ...], is_let_through: bool, breaking: Callable[[Tree, Tree], list[str]]
) -> None:
    released, now = changed(lambda _: None), changed(BREAKING["an operation is gone"])
    released["info"]["version"] = "0.1.0"
    now["info"]["version"] = ".".join(str(a + b) for a, b in zip((0, 1, 0), step, strict=True))
    assert (unannounced(released, now, breaking) == []) == is_let_through
