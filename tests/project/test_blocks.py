"""Programs find the blocks in the pages that they write."""

from pathlib import Path

import pytest

from bench import report
from bench.scale import __main__ as scale
from tests.blocks import read_block, write_block
from tests.faults import publication as faults

BLOCKS = [
    (report.PAGE, "bench"),
    (scale.PAGE, "scale 8GB"),
    (scale.PAGE, "scale 128MB"),
    (faults.PAGE, "faults"),
]


@pytest.mark.parametrize(("page", "name"), BLOCKS)
def test_a_page_has_the_block_of_a_measurement(page: Path, name: str) -> None:
    assert "Measured on " in read_block(page, name)


def test_a_block_is_replaced_and_nothing_more(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb\n")
    write_block(page, "x", "new\n")
    assert page.read_text() == "a\n<!-- x:begin -->\nnew\n<!-- x:end -->\nb\n"
    with pytest.raises(AssertionError, match="y:begin"):
        read_block(page, "y")
