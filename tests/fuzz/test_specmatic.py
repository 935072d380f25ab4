"""Specmatic, which shares no code with Schemathesis, tests the running server, too.

It is given the contract as it can work with it: it makes no values for regular expressions as
JSON Schema has them, and knows nothing of what only the server can make.
"""

import copy
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from app.contract.document import Document
from tests.conftest import REPORTED
from tests.live_server import LiveServer
from tests.node_packages import find_or_skipped, installed_or_skipped

PACKAGES = Path(__file__).with_name("specmatic")
JAR = PACKAGES / "node_modules" / "specmatic" / "specmatic.jar"
TESTS = 1000
# Its names: an example of a request goes with the example of an answer that is called the same.
EXAMPLES = ("pending", "completed", "updatedAndDeleted")
BODIES: dict[str, Any] = {
    "TaskInput": {"title": "Buy milk"},
    "TaskPatch": {"title": "Buy milk"},
    "Completion": {"completed": True},
    "TaskBatch": {"operations": [{"op": "create", "task": {"title": "Buy milk"}}]},
}
KNOWN: dict[str, list[str]] = {
    "IfMatch": ["*"],
    "IfNoneMatch": ['"0"'],
    "Since": ["A" * 43],
}
"""Values that hold for parameters whose values the server makes."""
LEFT_OUT = {"Cursor", "Query", "DueBefore", "DueAfter", "Sort"}
"""Parameters that it has no values for, or whose combinations would be thousands."""

Tree = dict[str, Any]


def prepared(contract: Document, task_id: str) -> Tree:
    """The contract for a user who has this task."""
    tree: Tree = copy.deepcopy(dict(contract.tree))
    without_patterns(tree)
    parameters, schemas = tree["components"]["parameters"], tree["components"]["schemas"]
    del parameters["TaskId"]["example"]
    parameters["TaskId"]["examples"] = {name: {"value": task_id} for name in EXAMPLES[:2]}
    for name, values in KNOWN.items():
        parameters[name]["schema"] = {"type": "string", "enum": values}
    for each in parameters.values():
        each.pop("example", None)
    for name, body in tree["components"]["requestBodies"].items():
        content = body["content"]["application/json"]
        content["examples"] = {example: {"value": BODIES[name]} for example in EXAMPLES}
        body["content"] = {"application/json": content}
    listing = tree["paths"]["/api/tasks"]["get"]
    listing["parameters"] = [
        each for each in listing["parameters"] if each["$ref"].rpartition("/")[2] not in LEFT_OUT
    ]
    without_deletions(tree)
    update = schemas["UpdateOperation"]["properties"]
    update["id"] = {"type": "string", "enum": [task_id]}
    del update["revision"]
    return tree


def without_patterns(node: Any) -> None:  # noqa: ANN401 - any part of the contract
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str):
            del node["pattern"]
        for child in node.values():
            without_patterns(child)
    elif isinstance(node, list):
        for child in node:
            without_patterns(child)


def without_deletions(tree: Tree) -> None:
    """It would delete the one task that it knows of, and expect it to be there afterwards."""
    del tree["paths"]["/api/tasks/{id}"]["delete"], tree["paths"]["/api/me"]["delete"]
    schemas = tree["components"]["schemas"]
    del schemas["DeleteOperation"], schemas["ExpectedRevision"]
    operation = schemas["BatchOperation"]
    operation["oneOf"] = operation["oneOf"][:2]
    del operation["discriminator"]["mapping"]["delete"]


def test_specmatic_finds_nothing(
    server: LiveServer,
    contract: Document,
    user: str,
    token_for: Callable[[str], str],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    java = find_or_skipped("java")
    installed_or_skipped(PACKAGES)
    token = token_for(user)
    headers = {"Authorization": f"Bearer {token}"}
    made = httpx.post(f"{server.base_url}/api/tasks", json={"title": "x"}, headers=headers)
    # JSON is YAML, and without the aliases that it does not resolve.
    (tmp_path / "openapi.yaml").write_text(json.dumps(prepared(contract, made.json()["id"])))
    bearer = {"bearer": {"type": "bearer", "token": token}}
    configuration = {
        "version": 2,
        "contracts": [{"provides": ["openapi.yaml"]}],
        "security": {"OpenAPI": {"securitySchemes": bearer}},
    }
    (tmp_path / "specmatic.yaml").write_text(json.dumps(configuration))
    run = subprocess.run(
        [
            *(java, f"-Duser.home={tmp_path}", "-jar", str(JAR), "test"),
            *("--host", "127.0.0.1", "--port", str(server.port)),
        ],
        cwd=tmp_path,
        env=os.environ | {"SPECMATIC_GENERATIVE_TESTS": "true"},
        capture_output=True,
        check=False,
    )
    out = run.stdout.decode(errors="replace")
    counts = re.search(r"Tests run: (\d+), Successes: (\d+), Failures: 0", out)
    assert run.returncode == 0, out[-10_000:]
    assert counts, out[-10_000:]
    assert int(counts[1]) == int(counts[2]) >= TESTS
    record_property(REPORTED, f"Specmatic: {counts[1]} tests, 0 failures")
