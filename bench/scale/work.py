"""Counts of the blocks that PostgreSQL reads for a question; they do not depend on the machine."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from app.database.driver.url import DatabaseUrl
from bench.rows import user_name
from bench.scale.population import task_count
from bench.scale.questions import Question
from tests.performance.explain import explained_session

USERS = 20


class Work(NamedTuple):
    """The blocks of a statement, and how many of them were not in shared_buffers."""

    blocks: float
    read: float


def count_blocks(
    url: str, users: Sequence[int], questions: Mapping[str, Question]
) -> dict[str, Work]:
    """Run every question for some users; return the medians."""
    counted = asyncio.run(_count(url, users, questions))
    return {name: Work(*map(median, zip(*each, strict=True))) for name, each in counted.items()}


async def _count(
    url: str, users: Sequence[int], questions: Mapping[str, Question]
) -> Mapping[str, list[tuple[int, int]]]:
    chosen = random.Random("work")  # noqa: S311 - the same sequence at every run
    counts: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for user in chosen.choices(users, k=USERS):
        task = chosen.randrange(task_count(user))
        async with explained_session(DatabaseUrl(url), user_name(user)) as session:
            for name, ask in questions.items():
                await ask(user, task).read(session)
                statement, *_ = session.nodes()
                found, read = statement["Shared Hit Blocks"], statement["Shared Read Blocks"]
                counts[name].append((found + read, read))
    return counts
