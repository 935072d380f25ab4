"""Story: I can see what carries the signals between my processes, and whether it works."""

from app.database.driver.url import DatabaseUrl
from tests.support.pgbouncer import pgbouncer
from tests.support.ports import free_port
from tests.support.redis_server import RedisServer
from tests.support.taskward import Taskward
from tests.support.tokens import SECRET


def signals(taskward: Taskward, url: DatabaseUrl, **settings: str) -> list[str]:
    """Return the lines of doctor about signals."""
    finished = taskward.run(
        "doctor", DATABASE_URL=url.text, BETTER_AUTH_SECRET=SECRET, JWT_AUDIENCE="any", **settings
    )
    assert finished.status == 0, finished
    return [line for line in finished.out.splitlines() if line.split()[1] == "signals"]


def test_doctor_tries_what_carries_signals(
    taskward: Taskward, database_url: DatabaseUrl, redis: RedisServer
) -> None:
    (listen,) = signals(taskward, database_url)
    assert listen.startswith("ok    signals    LISTEN carries")
    (shared,) = signals(taskward, database_url, RATE_LIMIT_STORAGE=redis.url)
    assert shared.startswith("ok    signals    Redis carries")
    found, warning = signals(
        taskward, database_url, RATE_LIMIT_STORAGE=f"redis://:secret@127.0.0.1:{free_port()}"
    )
    assert "by polling, once a second" in found
    assert warning.startswith("warn  signals    redis does not carry signals (Redis: Connection")
    assert "secret" not in warning


def test_doctor_knows_that_a_pooler_carries_no_signals(
    taskward: Taskward, database_url: DatabaseUrl
) -> None:
    with pgbouncer(database_url, size=2) as pooled:
        (found,) = signals(taskward, pooled, DATABASE_POOLER="transaction")
    assert "by polling, once a second, because a pooler" in found
