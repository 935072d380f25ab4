"""The page on overrides lists each class that replaces one of Hypercorn, h11 or Quart."""

import ast
import re

from tests.test_architecture import APP, ROOT

PAGE = ROOT / "docs" / "explanation" / "overrides.md"
FOREIGN = {"hypercorn", "h11", "quart"}


def overrides() -> set[str]:
    found = set()
    for path in (APP / "server" / "http").glob("*.py"):
        tree = ast.parse(path.read_text())
        imported = {
            alias.asname or alias.name: (node.module or "").partition(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base).partition(".")[0] for base in node.bases}
                if any(imported.get(base, base) in FOREIGN for base in bases):
                    found.add(f"{path.stem}.{node.name}")
    return found


def test_each_override_is_listed() -> None:
    listed = set(re.findall(r"^\| `(\w+\.[A-Z]\w+)`", PAGE.read_text(), re.MULTILINE))
    assert listed == overrides()
    assert "protocol.Protocol" in listed
