"""Troubles of a database, as contexts: each lasts until its context ends."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import asyncpg

from tests.faults.scene import Scene

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
def inserts_that(scene: Scene, does: str) -> Iterator[None]:
    """Run a command in PostgreSQL before each new task."""
    scene.run(_TRIGGER.format(does=does))
    scene.run(_FIRES)
    try:
        yield
    finally:
        scene.run("DROP FUNCTION trouble CASCADE")


@contextmanager
def refused_inserts(scene: Scene) -> Iterator[None]:
    """Reject every third new task with a serialization failure."""
    scene.run("CREATE SEQUENCE refusals")
    scene.run("GRANT USAGE ON refusals TO taskward_app")
    try:
        with inserts_that(scene, _REFUSE):
            yield
    finally:
        scene.run("DROP SEQUENCE refusals")


def read_only(scene: Scene) -> AbstractContextManager[None]:
    """Close the connections, and make new ones read-only.

    This is like a failover to a standby. At the end, connections are not closed.
    """
    return scene.default("default_transaction_read_only = on", keeping_connections=True)


@contextmanager
def locked(scene: Scene) -> Iterator[None]:
    """Hold a lock that blocks every change of tasks."""
    with scene.session() as session:
        session("BEGIN")
        session("LOCK TABLE tasks IN EXCLUSIVE MODE")
        yield
        session("ROLLBACK")


@contextmanager
def statements_that_time_out(scene: Scene) -> Iterator[None]:
    """Make inserts take longer than the statement limit of the database."""
    with (
        inserts_that(scene, "PERFORM pg_sleep(1);"),
        scene.default("statement_timeout = '200ms'"),
    ):
        yield


@contextmanager
def tasks_on_a_small_disk(scene: Scene) -> Iterator[str]:
    """Move the tasks to a separate disk; yield the path of a file on it."""
    disk = scene.postgres.small_disk
    if disk is None:
        raise MissingPartError("this system gives nobody a small disk of his own")
    scene.run(f"CREATE TABLESPACE small LOCATION '{disk}'")
    scene.run("ALTER TABLE tasks SET TABLESPACE small")
    try:
        yield f"{disk}/ballast"
    finally:
        scene.run("ALTER TABLE tasks SET TABLESPACE pg_default")
        scene.run("DROP TABLESPACE small")
        # A recovery would otherwise look for the disk, which each stop of PostgreSQL removes.
        scene.run("CHECKPOINT")


@contextmanager
def full(scene: Scene, ballast: str) -> Iterator[None]:
    """Fill the disk."""
    with suppress(asyncpg.DiskFullError):
        scene.run(_FILL.format(ballast=ballast))
    try:
        yield
    finally:
        scene.run(f"COPY (SELECT) TO '{ballast}'")
