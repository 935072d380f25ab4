"""Troubles of a database, as contexts: each lasts until its context ends."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import asyncpg

from tests.faults.environment import FaultEnvironment

_TRIGGER = """
CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {does} RETURN NEW; END $$
"""
_FIRES = "CREATE TRIGGER trouble BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION trouble()"
_FILL = """
COPY (SELECT repeat('x', 100000) FROM generate_series(1, 10000)) TO '{ballast}'
"""
# A rollback does not reset a sequence.
_REFUSE = """
IF nextval('refusals') % 3 = 0 THEN
    RAISE EXCEPTION 'could not serialize access' USING ERRCODE = 'serialization_failure';
END IF;
"""


class MissingPartError(Exception):
    """A fault cannot be caused on this machine; the message gives the reason."""


@contextmanager
def inserts_that(environment: FaultEnvironment, does: str) -> Iterator[None]:
    """Run a command in PostgreSQL before each new task."""
    environment.run(_TRIGGER.format(does=does))
    environment.run(_FIRES)
    try:
        yield
    finally:
        environment.run("DROP FUNCTION trouble CASCADE")


@contextmanager
def refused_inserts(environment: FaultEnvironment) -> Iterator[None]:
    """Reject every third new task with a serialization failure."""
    environment.run("CREATE SEQUENCE refusals")
    environment.run("GRANT USAGE ON refusals TO taskward_app")
    try:
        with inserts_that(environment, _REFUSE):
            yield
    finally:
        environment.run("DROP SEQUENCE refusals")


def read_only(environment: FaultEnvironment) -> AbstractContextManager[None]:
    """Close the connections, and make new ones read-only.

    This is like a failover to a standby. At the end, connections are not closed.
    """
    return environment.default("default_transaction_read_only = on", keeping_connections=True)


@contextmanager
def locked(environment: FaultEnvironment) -> Iterator[None]:
    """Hold a lock that blocks every change of tasks."""
    with environment.session() as session:
        session("BEGIN")
        session("LOCK TABLE tasks IN EXCLUSIVE MODE")
        yield
        session("ROLLBACK")


@contextmanager
def statements_that_time_out(environment: FaultEnvironment) -> Iterator[None]:
    """Make inserts take longer than the statement limit of the database."""
    with (
        inserts_that(environment, "PERFORM pg_sleep(1);"),
        environment.default("statement_timeout = '200ms'"),
    ):
        yield


@contextmanager
def tasks_on_a_small_disk(environment: FaultEnvironment) -> Iterator[str]:
    """Move the tasks to a separate disk; yield the path of a file on it."""
    disk = environment.postgres.small_disk
    if disk is None:
        raise MissingPartError("this system gives nobody a small disk of his own")
    environment.run(f"CREATE TABLESPACE small LOCATION '{disk}'")
    environment.run("ALTER TABLE tasks SET TABLESPACE small")
    try:
        yield f"{disk}/ballast"
    finally:
        environment.run("ALTER TABLE tasks SET TABLESPACE pg_default")
        environment.run("DROP TABLESPACE small")
        # A recovery would otherwise look for the disk, which each stop of PostgreSQL removes.
        environment.run("CHECKPOINT")


@contextmanager
def full(environment: FaultEnvironment, ballast: str) -> Iterator[None]:
    """Fill the disk."""
    with suppress(asyncpg.DiskFullError):
        environment.run(_FILL.format(ballast=ballast))
    try:
        yield
    finally:
        environment.run(f"COPY (SELECT) TO '{ballast}'")
