"""The generated reference pages. `python -m tests.project.reference` writes them."""

from collections.abc import Callable, Iterator
from typing import Literal, get_args, get_origin

import yaml
from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from app.settings import Settings
from tests.blocks import write_block
from tests.identity_providers import providers
from tests.support.folders import ROOT

EXAMPLE = ROOT / ".env.example"
FOLDER = ROOT / "docs" / "reference"


def settings() -> str:
    """Return a section for each setting, from `.env.example` and `Settings`."""
    return "".join(_settings())


def samples() -> dict[str, str]:
    """Return the value of each setting in `.env.example`."""
    return {name: sample for name, sample, _ in _blocks() if name.isupper()}


def errors() -> str:
    """Return a table of the contract's problems."""
    schemas = yaml.safe_load((ROOT / "openapi.yaml").read_text())["components"]["schemas"]
    rows = [
        f"| {each['status']} | `{code}` | {each['title']} | {_line(each['description'])} |"
        for code, each in schemas["ProblemCode"]["x-problems"].items()
    ]
    return "\n".join(
        ["| status | code | title | meaning |", "|---|---|---|---|", *sorted(rows), ""]
    )


PAGES: dict[str, Callable[[], str]] = {"settings": settings, "errors": errors}
GUIDE = ROOT / "docs" / "how-to" / "identity-providers.md"


def _settings() -> Iterator[str]:
    for name, sample, comment in _blocks():
        if name.isupper():
            facts = _facts(Settings.model_fields[name.lower()], sample)
            yield f"### {name}\n\n{comment}\n\n{facts}\n\n"
        elif name.startswith("---"):
            yield f"## {name.strip('- ')}\n\n"


def _blocks() -> Iterator[tuple[str, str, str]]:
    for block in EXAMPLE.read_text().strip().split("\n\n"):
        *comment, last = (line.removeprefix("# ") for line in block.splitlines())
        name, _, sample = last.partition("=")
        yield name, sample, "\n".join(comment)


def _facts(field: FieldInfo, sample: str) -> str:
    limits = [each.ge if isinstance(each, Ge) else each.le for each in _limits(field)]
    choices = [f"`{each}`" for each in _choices(field)]
    use = "Example" if field.default in (None, ()) else "Default"
    facts = [
        f"From {' to '.join(map(str, limits))}" if limits else "",
        f"One of {', '.join(choices)}" if len(choices) > 1 else "",
        f"{use}: `{sample}`" if sample else "",
    ]
    return ". ".join(filter(None, facts)) + "." if any(facts) else "No default."


def _limits(field: FieldInfo) -> list[Ge | Le]:
    return [each for each in field.metadata if isinstance(each, Ge | Le)]


def _choices(field: FieldInfo) -> Iterator[str]:
    if field.annotation is bool:
        yield from ("true", "false")
    for each in (field.annotation, *get_args(field.annotation)):
        if get_origin(each) is Literal:
            yield from get_args(each)


def _line(text: str) -> str:
    return " ".join(text.split())


def main() -> None:
    """Write every page."""
    for name, text in PAGES.items():
        write_block(FOLDER / f"{name}.md", name, text())
    write_block(GUIDE, "providers", providers.guide())


if __name__ == "__main__":
    main()
