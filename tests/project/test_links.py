"""The links in README, CONTRIBUTING and docs lead to files and titles that exist."""

import re
from pathlib import Path

import pytest

from tests.support.folders import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
OF_TODAY = [page for page in PAGES if page.name != "CHANGELOG.md"]
FOLDERS = "app|bench|deploy|docs|quart_contract|tests"
LINK = re.compile(r"\]\((?!https?://)([^)#]*)#?([^)]*)\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_to_a_file_and_a_title(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text()):
        place = page.parent / target if target else page
        assert place.exists(), target
        assert not anchor or anchor in anchors_of(place), f"{target}#{anchor}"


@pytest.mark.parametrize("page", OF_TODAY, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_and_folders_that_a_page_names_exist(page: Path) -> None:
    named = re.findall(rf"`((?:{FOLDERS})/[\w/.-]+)`", page.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def anchors_of(page: Path) -> set[str]:
    """Return the anchors that GitHub makes from the titles of a page."""
    titles = re.findall(r"(?m)^#+ (.+)$", page.read_text())
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
