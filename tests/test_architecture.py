"""The house rules that a machine can check."""

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from app.tasks.wall import WALL
from quart_contract.problems import ENGINE_CODES

ROOT = Path(__file__).parents[1]
APP = ROOT / "app"
ENGINE = ROOT / "quart_contract"
MODULES = sorted([*APP.rglob("*.py"), *ENGINE.rglob("*.py")])

# Imports point to the right. A decorator is imported by what it decorates, so `tasks` stands
# before `auth`, although a request passes `auth` first.
LAYERS = ["commands", "server", "tasks", "live", "auth", "database"]
LEAVES = {
    "app.lasting_event",
    "app.openapi",
    "app.origins",
    "app.settings_faults",
    "app.settings_files",
}
# The wiring and the command line see everything; settings know the types of some values.
ROOTS = {"app", "app.__main__"}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports_of(path: Path) -> Iterator[str]:
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            # Each dot after the first one is a package further up.
            base = package[: len(package) + 1 - node.level] if node.level else ()
            yield ".".join([*base, *filter(None, [node.module])])
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
    if name.startswith("quart_contract"):
        return imported.partition(".")[0] != "app"
    if name in ROOTS or not imported.startswith("app") or imported in LEAVES:
        return True
    if name == "app.settings":
        return imported in {"app.database.driver.url", "app.auth.expected", "app.auth.settings"}
    layer = name.split(".")[1]
    if imported in {"app", "app.settings"}:
        return layer == "commands"
    return LAYERS.index(imported.split(".")[1]) >= LAYERS.index(layer)


def test_the_service_does_not_name_its_package() -> None:
    """It is `app` in a checkout and `taskward` in the wheel."""
    named = [
        f"{name_of(path)}: {ast.unparse(node)}"
        for path in APP.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if re.match(r"(from|import) app\b", ast.unparse(node))
    ]
    assert named == []


def test_the_database_names_no_table() -> None:
    names = "|".join(WALL.tables.keys() - {WALL.users})
    # The name of the table of users is a word of messages, too.
    table = re.compile(rf"\b({names})\b|\b(FROM|INTO|JOIN|ON|TABLE|UPDATE) {WALL.users}\b")
    found = [
        f"{name_of(path)}: {literal}"
        for path in (APP / "database").rglob("*.py")
        for literal in literals_of(ast.parse(path.read_text()))
        if table.search(literal)
    ]
    assert found == []


def literals_of(tree: ast.Module) -> Iterator[str]:
    """Yield the texts of a module that are not docstrings."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield node.value if isinstance(node.value, str) else ""


def test_the_engine_loads_nothing_of_the_service() -> None:
    script = (
        "import sys, quart_contract; "
        "print({'app', 'sqlalchemy', 'asyncpg', 'jwt', 'pydantic_settings'} & sys.modules.keys())"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"


def test_each_code_of_a_problem_is_checked_at_start() -> None:
    """A literal beside the tables and `CODES` would be one that the contract may not have."""
    literals = [
        f"{name_of(path)}:{node.lineno}"
        for path in APP.rglob("*.py")
        if path.name != "problems.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "Problem"
        and isinstance(node.args[0], ast.Constant)
    ]
    assert literals == []
    found = {
        node.args[0].value
        for path in ENGINE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "Problem"
        and isinstance(node.args[0], ast.Constant)
    }
    assert found <= ENGINE_CODES


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


def test_names_of_tests_are_short() -> None:
    names = {
        node.name
        for path in (ROOT / "tests").glob("**/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name for name in names if name.startswith("test_") and len(name) > 60} == set()


def test_every_module_says_in_a_line_what_it_is() -> None:
    for path in MODULES:
        docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
        assert docstring.split("\n\n")[0].strip(), f"{path} has no docstring"


def test_no_folder_is_a_drawer_for_everything() -> None:
    names = {part for path in MODULES for part in path.relative_to(ROOT).with_suffix("").parts}
    assert names.isdisjoint({"utils", "util", "common", "helpers", "misc"})
