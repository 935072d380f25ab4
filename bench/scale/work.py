"""Counts of the blocks that PostgreSQL reads for a question; they do not depend on the machine."""

import asyncio
import random
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from app.database.driver.url import DatabaseUrl
from bench.rows import user_name
from bench.scale.population import task_count
from bench.scale.questions import Question
from tests.performance.explained import explained_session

USERS = 20


class Work(NamedTuple):
    """The blocks of a statement, and how many of them were not in shared_buffers."""

    system: str
    question: str
    blocks: float
    read: float


def count_blocks(
    system: str, url: str, users: Sequence[int], questions: Sequence[Question]
) -> list[Work]:
    """Run every question for some users; return the medians."""
    counted = asyncio.run(_count_all(url, users, questions))
    return [
        Work(system, question.name, *(median(numbers) for numbers in zip(*each, strict=True)))
        for question, each in zip(questions, zip(*counted, strict=True), strict=True)
    ]


async def _count_all(
    url: str, users: Sequence[int], questions: Sequence[Question]
) -> list[list[tuple[int, int]]]:
    chosen = random.Random("work")  # noqa: S311 - the same sequence at every run
    return [
        await _count(url, user, chosen.randrange(task_count(user)), questions)
        for user in chosen.choices(users, k=USERS)
    ]


async def _count(
    url: str, user: int, task: int, questions: Sequence[Question]
) -> list[tuple[int, int]]:
    counts = []
    async with explained_session(DatabaseUrl(url), user_name(user)) as session:
        for question in questions:
            await question.read(session, user, task)
            statement, *_ = session.nodes()
            found, read = statement["Shared Hit Blocks"], statement["Shared Read Blocks"]
            counts.append((found + read, read))
    return counts
