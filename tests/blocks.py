"""Blocks of a page that a program writes, between two comments."""

import re
from pathlib import Path


def read_block(page: Path, name: str) -> str:
    """Return what is between `<!-- NAME:begin -->` and `<!-- NAME:end -->`."""
    return _find(page, name)[0]


def write_block(page: Path, name: str, text: str) -> None:
    """Replace what is between `<!-- NAME:begin -->` and `<!-- NAME:end -->`."""
    begin, end = _find(page, name).span()
    page.write_text(f"{page.read_text()[:begin]}{text}{page.read_text()[end:]}")


def _find(page: Path, name: str) -> re.Match[str]:
    pattern = rf"(?s)(?<=<!-- {name}:begin -->\n).*?(?=<!-- {name}:end -->)"
    found = re.search(pattern, page.read_text())
    assert found, f"{page}: there is no <!-- {name}:begin --> with its end"
    return found
