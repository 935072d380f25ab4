"""Prose avoids the private vocabulary that readers cannot look up."""

from collections.abc import Callable, Iterator
from pathlib import Path

from tests.project.prose import (
    Prose,
    comments,
    docstrings,
    files,
    findings,
    literals,
    modules,
    unreleased,
    whole,
)

PACKAGES = ("app", "quart_contract")
ALLOWED = {
    ("account.py", "nobody"): "the name of a Unix account",
    ("migrate.py", "nobody"): "the id of a user without tasks",
}
"""Phrases that a file may have, by the name of the file, and why."""

PAGES = ("README.md", "CONTRIBUTING.md", "docs/**/*.md", "*/README.md")
SOURCES: dict[str, tuple[Callable[[Path], Iterator[Prose]], list[Path]]] = {
    "the contract": (whole, files("openapi.yaml")),
    "the settings": (whole, files(".env.example")),
    "the Makefile": (whole, files("Makefile")),
    "the deployment": (whole, files("deploy/*")),
    "the changelog": (unreleased, files("CHANGELOG.md")),
    "the messages": (literals, modules(*PACKAGES)),
    "the pages": (whole, files(*PAGES)),
    "the docstrings": (docstrings, modules(*PACKAGES, "bench", "examples", "tests")),
    "the comments": (comments, modules(*PACKAGES, "bench", "examples", "tests")),
}


def test_prose_has_no_banned_phrase_and_no_unused_exception() -> None:
    found: dict[tuple[str, str], str] = {}
    for read, paths in SOURCES.values():
        assert paths
        for path in paths:
            for prose in read(path):
                found |= {(path.name, phrase): place for phrase, place in findings(prose)}
    wrong = [place for exception, place in found.items() if exception not in ALLOWED]
    assert not wrong, "\n".join(wrong)
    assert ALLOWED.keys() <= found.keys()
