"""The generators of clients: their versions, their options, and how to run their stories."""

import json
import re
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from tests.clients.generation import OPENAPI_GENERATOR, generated
from tests.clients.workshop import CLIENTS, Workshop
from tests.support.folders import ROOT

STEPS = (
    "create",
    "repeat",
    "read",
    "patch without",
    "patch to null",
    "412",
    "422",
    "401",
    "404",
    "batch",
    "each",
    "complete",
    "delete",
    "restore",
    "labels",
    "pages",
)
"""What each story does, in this order. It prints a step when it has passed."""

Command = tuple[list[str | Path], dict[str, str]]
"""A command line and its environment."""


class Generator(NamedTuple):
    """A generator of clients."""

    name: str
    version: str
    options: str
    null_and_absent: str
    """How a patch sets a property to null, and how it leaves one out."""
    compiled: str
    """What compiled the client."""
    story: Callable[[Workshop], Command]


def _node(name: str) -> str:
    package = json.loads((CLIENTS / "typescript" / "package.json").read_text())
    found: str = package["dependencies"][name]
    return found


def _locked(name: str) -> str:
    lock = (ROOT / "requirements-clients.txt").read_text()
    found = re.search(rf"(?m)^{name}==(\S+)", lock)
    assert found
    return found[1]


def _typescript(
    name: str, version: str, options: str, null: str = "`null`; leave it out"
) -> Generator:
    def story(workshop: Workshop) -> Command:
        return [workshop.node, f"typescript/compiled/{name}.js"], {}

    return Generator(name, version, options, null, f"tsc {_node('typescript')}, strict", story)


def _options(options: Mapping[str, Any]) -> str:
    flat = {**options, **options.get("additionalProperties", {})}
    flat |= {
        name: ", ".join(f"{old}={new}" for old, new in each.items())
        for name, each in options.items()
        if name.endswith("Mappings")
    }
    shown = {name: each for name, each in flat.items() if name != "additionalProperties"}
    return ", ".join(
        f"`{name}: {str(each).replace('True', 'true')}`" for name, each in shown.items()
    )


def _java(workshop: Workshop) -> Command:
    return [workshop.java, "-cp", f"java/classes:{workshop.java_classes}", "Story"], {}


def _kotlin(workshop: Workshop) -> Command:
    classes = f"kotlin/classes:{workshop.kotlin_classes}"
    return [workshop.java, "-cp", classes, "StoryKt"], {}


def _go(workshop: Workshop) -> Command:
    return [generated(workshop, "go") / "tell"], {}


def _python(workshop: Workshop) -> Command:
    path = {"PYTHONPATH": str(generated(workshop, "python"))}
    return [workshop.python, "python/with_openapi_generator.py"], path


def _python_client(workshop: Workshop) -> Command:
    return ["python", workshop.folder / "python" / "with_openapi_python_client.py"], {}


def _from_openapi_generator(
    name: str, null: str, compiled: str, story: Callable[[Workshop], Command]
) -> Generator:
    options = _options(OPENAPI_GENERATOR[name]).replace("False", "false")
    title = f"openapi-generator `{name}`"
    return Generator(title, _locked("openapi-generator-cli"), options, null, compiled, story)


GENERATORS = (
    _typescript(
        "openapi-typescript",
        f"{_node('openapi-typescript')}, openapi-fetch {_node('openapi-fetch')}",
        "",
    ),
    _typescript(
        "hey-api",
        f"{_node('@hey-api/openapi-ts')}, zod {_node('zod')}",
        "`@hey-api/client-fetch`, `@hey-api/typescript`, `@hey-api/sdk`, `zod` with "
        "`dates: {offset: true}`; newer versions need Node.js 22",
    ),
    _typescript(
        "swagger-typescript-api",
        _node("swagger-typescript-api"),
        "`/openapi.bundled.json`; `format: json` in `baseApiParams`",
    ),
    _typescript(
        "openapi-zod-client",
        f"{_node('openapi-zod-client')}, zodios {_node('@zodios/core')}",
        "`/openapi.bundled.json`, `--export-schemas`; `validate: response`, "
        "`paramsSerializer: {indexes: null}` in `axiosConfig`",
    ),
    _from_openapi_generator(
        "typescript-fetch",
        "`null`; leave it out",
        f"tsc {_node('typescript')}, strict",
        lambda workshop: ([workshop.node, "typescript/compiled/typescript-fetch.js"], {}),
    ),
    _from_openapi_generator("python", "`None`; leave it out", "nothing to compile", _python),
    _from_openapi_generator(
        "java",
        "`description(null)`; do not call it (`JsonNullable`)",
        "javac 17, with a stand-in for jackson-databind-nullable",
        _java,
    ),
    _from_openapi_generator(
        "go", "`SetDescriptionNil()`; do not call it", "go 1.19, without dependencies", _go
    ),
    _from_openapi_generator(
        "kotlin",
        "not possible: clear with `replaceTask`; leave it out, with `NON_NULL` in `jsonBlock`",
        f"Kotlin of kotlin-jupyter-kernel {_locked('kotlin-jupyter-kernel')}",
        _kotlin,
    ),
    Generator(
        "openapi-python-client",
        version("openapi-python-client"),
        "",
        "`None`; leave it out (`UNSET`)",
        "mypy, strict",
        _python_client,
    ),
)


def table(passed: Mapping[str, int]) -> str:
    """Return the table of the documentation. `passed` has the number of steps by generator."""
    lines = [
        "| generator | version | options | compiled by | null, and absent, in a patch | result |",
        "|---|---|---|---|---|---|",
    ]
    for each in GENERATORS:
        result = f"{passed[each.name]} of {len(STEPS)} steps"
        cells = (each.name, each.version, each.options or "none", each.compiled)
        lines.append("| " + " | ".join((*cells, each.null_and_absent, result)) + " |")
    return "\n".join(lines) + "\n"
