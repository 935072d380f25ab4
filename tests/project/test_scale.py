"""The measurement of scale names the rows that it has filled in, and sums up rightly."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import asyncpg

from app.database.database import Database
from app.database.driver.url import DatabaseUrl
from app.database.migrations.migrate import migrate
from bench.rows import task_id, user_name
from bench.samples import Sample
from bench.scale.filling import fill
from bench.scale.flatness import lines_of
from bench.scale.plot import plot
from bench.scale.population import HEAVY_TASKS, HEAVY_USER, Size, created_at, epoch, task_count
from bench.soak.run import Look
from bench.soak.verdict import judge
from tests.support.empty_database import make_empty_database

DOCS = Path(__file__).parents[2] / "docs" / "explanation"
SIZES = ["1", "2"]
SAMPLES = [
    Sample(1, "1", "get", 100, p50_ms=10),
    Sample(1, "2", "get", 100, p50_ms=11),
    Sample(2, "2", "get", 100, p50_ms=24),
    Sample(2, "1", "get", 100, p50_ms=20),
    Sample(1, "1", "list", 100, p50_ms=10),
    Sample(1, "2", "list", 100, p50_ms=12),
]


def test_what_more_memory_gives_is_told_alike_wherever_it_is_told() -> None:
    pages = (DOCS / "scale.md").read_text(), (DOCS / "scaling.md").read_text()
    largest = re.findall(r"(?m)^\| list \|.*\| ([\d.]+) ms [^|]*\|[^|]*\|$", pages[0])
    told = re.findall(r"lists take ([\d.]+) ms and not ([\d.]+)", pages[1])
    assert [tuple(largest)] == told


class SmallSize(Size):
    """A small database with the heavy user in it."""

    has_heavy_user = True


async def test_rows_are_as_they_are_asked_for(database_url: DatabaseUrl) -> None:
    async with make_empty_database(database_url) as url:
        database = Database(url, pool_size=1)
        await migrate(database)
        await database.close()
        dsn = url.for_sqlalchemy.set(drivername="postgresql")
        connection = await asyncpg.connect(dsn.render_as_string(hide_password=False))
        await fill(connection, SmallSize(100_000))
        assert await connection.fetchval("SELECT count(*) FROM tasks") == 100_000 + HEAVY_TASKS
        for user, task in ((0, 0), (999, 99), (HEAVY_USER, 0), (HEAVY_USER, HEAVY_TASKS - 1)):
            row = await connection.fetchrow(
                "SELECT t.created_at, t.revision, u.epoch, u.task_count FROM tasks t "
                "JOIN users u ON u.id = t.user_id WHERE u.id = $1 AND t.id = $2",
                user_name(user),
                task_id(user, task),
            )
            expected = (created_at(user, task), task + 1, epoch(user), task_count(user))
            assert tuple(row) == expected
        await connection.close()


def test_a_ratio_is_taken_within_a_round() -> None:
    get, list_ = lines_of(SAMPLES, SIZES)
    assert get.ratio("2", "1").median == (1.1 + 1.2) / 2
    assert (get.ratio("2", "1").least, list_.is_flat) == (1.1, False)


def test_the_plot_has_a_panel_for_every_question() -> None:
    drawing = ET.fromstring(plot(SAMPLES, SIZES))  # noqa: S314 - it is our own
    shown = {element.text for element in drawing.iter("{http://www.w3.org/2000/svg}text")}
    assert {"get, ms", "list, ms", *SIZES} <= shown


def test_memory_is_flat_where_it_does_not_grow_once_it_is_warm() -> None:
    warming, growing = [Look(0, 80), Look(10, 100), Look(50, 100)], Look(100, 106)
    assert judge([*warming, Look(100, 104)]).holds
    assert not judge([*warming, growing]).holds
