"""The house rules that a machine can check."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
APP = ROOT / "app"
MODULES = sorted(APP.rglob("*.py"))

# Imports point to the right. A decorator is imported by what it decorates, so `tasks` stands
# before `auth`, although a request passes `auth` first.
LAYERS = ["commands", "server", "contract", "tasks", "auth", "database"]
LEAVES = {"app.lasting_event", "app.strict_json", "app.turns"}
# The wiring and the command line see everything; settings know the type of a database URL.
ROOTS = {"app", "app.__main__"}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_imports_point_one_way() -> None:
    wrong = [
        f"{name_of(path)} imports {imported}"
        for path in MODULES
        for imported in imports_of(path)
        if not may_import(name_of(path), imported)
    ]
    assert wrong == []


def may_import(name: str, imported: str) -> bool:
    if name in ROOTS or not imported.startswith("app") or imported in LEAVES:
        return True
    if name == "app.settings":
        return imported == "app.database.url"
    layer = name.split(".")[1]
    if imported in {"app", "app.settings"}:
        return layer == "commands"
    return LAYERS.index(imported.split(".")[1]) >= LAYERS.index(layer)


def test_importing_a_layer_does_not_reach_back() -> None:
    assert not may_import("app.database.url", "app.tasks.store")
    assert not may_import("app.auth.tokens", "app.contract.problems")
    assert not may_import("app.tasks.store", "app.settings")


def test_modules_and_functions_are_small() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > 250} == {}
    assert statistics.median(lengths.values()) < 100
    functions = {
        f"{name_of(path)}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: length for name, length in functions.items() if length > 40} == {}
    assert statistics.median(functions.values()) < 10


def test_every_module_says_in_a_line_what_it_is() -> None:
    for path in MODULES:
        docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
        assert docstring.split("\n\n")[0].strip(), f"{path} has no docstring"


def test_no_folder_is_a_drawer_for_everything() -> None:
    names = {part for path in MODULES for part in path.relative_to(APP).with_suffix("").parts}
    assert names.isdisjoint({"utils", "util", "common", "helpers", "misc"})
