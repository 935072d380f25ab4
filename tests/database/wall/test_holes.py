"""Every hole in the second wall is found and named."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.migrations import version
from app.database.wall.audit import holes_seen_by
from app.tasks.wall import WALL

HOLES = {
    "DROP POLICY tasks_owner ON tasks": "tasks has the wrong policies",
    "ALTER POLICY tasks_owner ON tasks USING (true)": "tasks has the wrong policies",
    "ALTER POLICY tasks_owner ON tasks WITH CHECK (true)": "tasks has the wrong policies",
    "ALTER POLICY users_owner ON users TO taskward_app": "users has the wrong policies",
    "CREATE POLICY more ON tasks FOR SELECT USING (true)": "tasks has the wrong policies",
    "ALTER TABLE tasks DISABLE ROW LEVEL SECURITY": "row-level security is off on tasks",
    "ALTER TABLE users NO FORCE ROW LEVEL SECURITY": "row-level security is not forced on users",
    "ALTER ROLE taskward_app SUPERUSER": "taskward_app is a superuser",
    "ALTER ROLE taskward_app BYPASSRLS": "taskward_app may bypass row-level security",
    "ALTER ROLE taskward_app LOGIN": "taskward_app may log in",
    "ALTER ROLE taskward_app CREATEROLE": "taskward_app may create roles",
    "ALTER ROLE taskward_app CREATEDB": "taskward_app may create databases",
    "ALTER ROLE taskward_app REPLICATION": "taskward_app may replicate",
    "GRANT pg_read_all_data TO taskward_app": "taskward_app is a member of another role",
    "CREATE TABLE kept (); ALTER TABLE kept OWNER TO taskward_app": "taskward_app owns objects",
    "GRANT TRUNCATE ON tasks TO taskward_app": "taskward_app may TRUNCATE on tasks",
    "GRANT REFERENCES (id) ON users TO PUBLIC": "taskward_app may REFERENCES (id) on users",
    "REVOKE INSERT ON tasks FROM taskward_app": "taskward_app may not INSERT on tasks",
    "CREATE TABLE notes (id int); GRANT SELECT ON notes TO taskward_app": "can access notes",
    "CREATE VIEW everything AS TABLE tasks; GRANT SELECT ON everything TO PUBLIC": (
        "can access everything"
    ),
    "GRANT SELECT (version_num) ON taskward_version TO taskward_app": "can access taskward_version",
    "DROP TABLE tasks": "there is no table tasks",
    "ALTER ROLE taskward_app RENAME TO gone": "there is no role taskward_app",
    "ALTER ROLE taskward_purge RENAME TO gone": "there is no role taskward_purge",
    "ALTER POLICY tombstones_purge ON tombstones USING (true)": "tombstones has the wrong policies",
    "ALTER POLICY tombstones_purge ON tombstones TO PUBLIC": "tombstones has the wrong policies",
    "ALTER POLICY users_purge ON users TO taskward_app": "users has the wrong policies",
    "DROP POLICY idempotency_keys_purge ON idempotency_keys": "idempotency_keys has the wrong",
    "GRANT SELECT ON users TO taskward_purge": "taskward_purge may SELECT on users",
    "GRANT SELECT ON tasks TO taskward_purge": "taskward_purge may SELECT on tasks",
    "GRANT UPDATE (revision) ON users TO taskward_purge": "taskward_purge may UPDATE (revision)",
    "REVOKE DELETE ON tombstones FROM taskward_purge": "taskward_purge may not DELETE on tombs",
    "GRANT taskward_purge TO taskward_app": "taskward_app is a member of another role",
    "ALTER ROLE taskward_purge BYPASSRLS": "taskward_purge may bypass row-level security",
    "CREATE SCHEMA taskward_app; GRANT USAGE ON SCHEMA taskward_app TO PUBLIC; "
    "CREATE TABLE taskward_app.tasks ()": "taskward_app does not lead to the table tasks",
    "SET LOCAL app.user_id = 'ada'": "app.user_id has a default value",
    "CREATE ROLE weak_login; SET LOCAL SESSION AUTHORIZATION weak_login": (
        "the login may not switch to the role taskward_app"
    ),
    **{
        f"CREATE ROLE anon; GRANT {right} ON {table} TO anon": f"role anon may {right} on {table}"
        for table in (*WALL.tables, version.TABLE)
        for right in ("SELECT", "UPDATE", "TRUNCATE")
    },
    "GRANT SELECT ON taskward_version TO PUBLIC": "PUBLIC may SELECT on taskward_version",
    "CREATE ROLE anon; GRANT UPDATE (version_num) ON taskward_version TO anon": (
        "the role anon may UPDATE (version_num) on taskward_version"
    ),
}


@pytest.mark.parametrize("command", HOLES)
async def test_every_hole_is_found_and_named(login: AsyncConnection, command: str) -> None:
    assert await holes_seen_by(login, WALL) == []
    for each in command.split("; "):
        await login.execute(text(each))
    assert any(HOLES[command] in hole for hole in await holes_seen_by(login, WALL))
