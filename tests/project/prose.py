"""Banned phrases, and the texts of the repository that are searched for them."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.folders import ROOT

BANNED = {
    "anew": "again, from scratch",
    "as good as": "almost",
    "by itself": "automatically",
    "carried out": "run, apply",
    "(?-i:[Ee]lse)": "otherwise, or name the other case",
    "meanwhile": "at the same time, until then",
    "nobody": "no user, no client",
    "(do|does|did) not hold": "is invalid, has expired",
    "somebody": "a user, a client",
    "such as that": "such as",
    "thousand million": "billion",
    "to be had": "available",
    "told of": "reported, listed",
    "(am|are|be|is|was|were) told": "receives, gets a message",
    "whoever": "the user, the client, the process",
}
"""Phrases, and what to write instead. They are found across line ends, but not in code."""

_BANNED = {
    re.compile(rf"\b{phrase}\b".replace(" ", r"\s+"), re.IGNORECASE): instead
    for phrase, instead in BANNED.items()
}
# Fenced blocks and code spans.
_CODE = re.compile(r"(?ms)^```.*?^```|`[^`]{1,100}`")
_COMMENT = re.compile(r"(?m)^\s*(#|//)+")
_NAME_PHRASES = {"prose.py", "test_wording.py"}


class Prose(NamedTuple):
    """A text, and where it starts."""

    path: Path
    line: int
    text: str


def files(*patterns: str) -> list[Path]:
    """Return the files of the repository that match a pattern, without those that name phrases."""
    found = {path for each in patterns for path in ROOT.glob(each) if path.is_file()}
    return sorted(path for path in found if path.name not in _NAME_PHRASES)


def modules(*folders: str) -> list[Path]:
    """Return the Python files below these folders."""
    return files(*(f"{folder}/**/*.py" for folder in folders))


def whole(path: Path) -> Iterator[Prose]:
    """Yield the text of a file."""
    yield Prose(path, 1, path.read_text())


def unreleased(path: Path) -> Iterator[Prose]:
    """Yield the section of a changelog that is not released yet."""
    before, _, after = path.read_text().partition("unreleased\n")
    yield Prose(path, before.count("\n") + 2, after.partition("\n## ")[0])


def literals(path: Path) -> Iterator[Prose]:
    """Yield the string literals of a module, but not its docstrings."""
    tree = ast.parse(path.read_text())
    excluded = {id(each) for each in _docstrings(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in excluded:
            yield Prose(path, node.lineno, node.value if isinstance(node.value, str) else "")


def docstrings(path: Path) -> Iterator[Prose]:
    """Yield the docstrings of a module, also those of its constants and attributes."""
    for node in _docstrings(ast.parse(path.read_text())):
        yield Prose(path, node.lineno, str(node.value))


def comments(path: Path) -> Iterator[Prose]:
    """Yield the comments of a module. Comments on consecutive lines are one."""
    block: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type != tokenize.COMMENT:
            continue
        if block and token.start != (block[-1].start[0] + 1, block[-1].start[1]):
            yield _comment(path, block)
            block = []
        block.append(token)
    if block:
        yield _comment(path, block)


def _comment(path: Path, block: list[tokenize.TokenInfo]) -> Prose:
    return Prose(path, block[0].start[0], "\n".join(each.string for each in block))


def _docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    """Yield each string that is a statement of its own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def findings(prose: Prose) -> Iterator[tuple[str, str]]:
    """Yield each banned phrase of a text, and a line that gives its place."""
    text = _COMMENT.sub(_blank, _CODE.sub(_blank, prose.text))
    for pattern, instead in _BANNED.items():
        for match in pattern.finditer(text):
            phrase = " ".join(match[0].lower().split())
            line = prose.line + text.count("\n", 0, match.start())
            yield phrase, f"{prose.path}:{line}: {phrase!r}. Write: {instead}."


def _blank(match: re.Match[str]) -> str:
    """Return as many line ends as the match has, so that the line numbers stay right."""
    return "\n" * match[0].count("\n") + " "
