"""The reference pages agree with the code."""

import pytest

from app.settings import Settings
from tests.blocks import read_block
from tests.project.reference import FOLDER, PAGES, samples


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_current(name: str) -> None:
    written = read_block(FOLDER / f"{name}.md", name)
    assert written == PAGES[name](), f"docs/reference/{name}.md is stale: run make reference"


def test_env_example_shows_the_defaults() -> None:
    shown = samples()
    defaults = {
        name: field.default
        for name, field in Settings.model_fields.items()
        if field.default not in (None, ())
    }
    given = {name: shown[name.upper()] for name in defaults}
    read = Settings.model_validate(given)
    assert {name: getattr(read, name) for name in defaults} == defaults
