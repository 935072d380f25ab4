"""Prose avoids the private vocabulary that readers cannot look up."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

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
    "the settings": (whole, files(".env.example", "deploy/.env.example")),
    "the Makefile": (whole, files("Makefile")),
    "the deployment": (whole, files("deploy/*")),
    "the changelog": (unreleased, files("CHANGELOG.md")),
    "the messages": (literals, modules(*PACKAGES)),
    "the pages": (whole, files(*PAGES)),
    "the docstrings": (docstrings, modules(*PACKAGES, "bench", "examples", "tests")),
    "the comments": (comments, modules(*PACKAGES, "bench", "examples", "tests")),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_prose_has_no_banned_phrase(kind: str) -> None:
    read, paths = SOURCES[kind]
    assert paths
    found = [
        place
        for path in paths
        for prose in read(path)
        for phrase, place in findings(prose)
        if (path.name, phrase) not in ALLOWED
    ]
    assert not found, "\n".join(found)


def test_every_exception_is_needed() -> None:
    found = {
        (path.name, phrase)
        for read, paths in SOURCES.values()
        for path in paths
        for prose in read(path)
        for phrase, _ in findings(prose)
    }
    assert ALLOWED.keys() <= found


SAMPLE = Path("sample")


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("Begin anew.", ["anew"]),
        ("one\ntwo, which nobody reads", ["nobody"]),
        ("# A batch is carried\n# out, or not.", ["carried out"]),
        ("The token does not hold any more.", ["does not hold"]),
        ("Else it is refused; ELSE is SQL.", ["else"]),
        ("Whoever is told of it: somebody.", ["whoever", "somebody", "told of", "is told"]),
        ("There is none to be had by itself.", ["to be had", "by itself"]),
        ("A thousand million, meanwhile.", ["thousand million", "meanwhile"]),
        ("a case such as that", ["such as that"]),
        ("as good as new", ["as good as"]),
        ("`else` and ``` are code", []),
        ("Text.\n```sh\nif x; else y\n```\n", []),
        ("elsewhere, renewed", []),
    ],
)
def test_a_banned_phrase_is_found_in_prose_but_not_in_code(text: str, phrases: list[str]) -> None:
    assert sorted(phrase for phrase, _ in findings(Prose(SAMPLE, 1, text))) == sorted(phrases)


def test_a_finding_names_its_line_and_what_to_write() -> None:
    ((_, place),) = findings(Prose(SAMPLE, 10, "one\n```\ncode\n```\ntwo anew"))
    assert place == "sample:14: 'anew'. Write: again, from scratch."


MODULE = '''"""Say it anew."""

# Nobody reads
# this.
NAME = "somebody"  # whoever
"""A name: else."""


def read():
    """Tell it meanwhile."""
    raise ValueError(f"{NAME} is told " "something")
'''
CHANGELOG = "# Changelog\n\n## 2.0 - unreleased\n\n- anew\n\n## 1.0 - 2026\n\n- nobody\n"


@pytest.mark.parametrize(
    ("read", "text", "places"),
    [
        (whole, "one\ntwo anew", {("anew", 2)}),
        (unreleased, CHANGELOG, {("anew", 5)}),
        (literals, MODULE, {("somebody", 5), ("is told", 11)}),
        (docstrings, MODULE, {("anew", 1), ("else", 6), ("meanwhile", 10)}),
        (comments, MODULE, {("nobody", 3), ("whoever", 5)}),
    ],
    ids=["whole", "unreleased", "literals", "docstrings", "comments"],
)
def test_each_kind_of_prose_is_read_with_its_lines(
    tmp_path: Path,
    read: Callable[[Path], Iterator[Prose]],
    text: str,
    places: set[tuple[str, int]],
) -> None:
    path = tmp_path / "sample"
    path.write_text(text)
    found = {
        (phrase, int(place.split(":")[1]))
        for prose in read(path)
        for phrase, place in findings(prose)
    }
    assert found == places
