"""The second wall works for every login, or the error names what is missing."""

from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.database import Database
from app.database.driver.errors import DatabaseUnavailableError
from app.database.driver.url import DatabaseUrl
from app.database.migrations.runner import migrate
from app.database.wall.audit import find_holes
from app.database.wall.policies import ROLE, ROLES
from app.database.wall.role import RoleRefusedError, ensure_roles
from app.tasks.wall import WALL
from tests.database.wall.rows import COUNT, counted, create


async def hide_roles(connection: AsyncConnection) -> None:
    """Rename the roles, because roles cannot be dropped while other databases use them."""
    for role in ROLES:
        await connection.execute(text(f"ALTER ROLE {role} RENAME TO {role}_gone"))


async def test_a_login_that_may_not_make_the_role_is_told_what_to_run(
    login: AsyncConnection,
) -> None:
    await login.execute(text('CREATE ROLE "weak Login"'))
    await login.execute(text('SET LOCAL SESSION AUTHORIZATION "weak Login"'))
    with pytest.raises(RoleRefusedError) as missing_grants:
        await ensure_roles(login)
    for role in ROLES:
        assert f'GRANT {role} TO "weak Login";' in str(missing_grants.value)
    assert "CREATE ROLE" not in str(missing_grants.value)

    await login.execute(text("RESET SESSION AUTHORIZATION"))
    await hide_roles(login)
    await login.execute(text('SET LOCAL SESSION AUTHORIZATION "weak Login"'))
    with pytest.raises(RoleRefusedError) as missing_role:
        await ensure_roles(login)
    commands = [line.strip() for line in str(missing_role.value).splitlines() if line.endswith(";")]
    assert len(commands) == 2 * len(ROLES)

    await login.execute(text("RESET SESSION AUTHORIZATION"))
    for command in commands:
        await login.execute(text(command))
    await login.execute(text('SET LOCAL SESSION AUTHORIZATION "weak Login"'))
    await ensure_roles(login)


async def test_a_login_that_may_create_roles_creates_and_takes_them(
    login: AsyncConnection,
) -> None:
    await hide_roles(login)
    await login.execute(text("CREATE ROLE builder CREATEROLE"))
    await login.execute(text("SET LOCAL SESSION AUTHORIZATION builder"))
    await ensure_roles(login)
    for role in ROLES:
        await login.execute(text(f"SET LOCAL ROLE {role}"))
        await login.execute(text("RESET ROLE"))


@pytest.mark.parametrize("powers", ["", "BYPASSRLS", "BYPASSRLS CREATEROLE CREATEDB REPLICATION"])
async def test_it_does_not_matter_what_the_login_may_do(
    database: Database, empty_database: DatabaseUrl, powers: str
) -> None:
    """Tests the owner of the tables, and a login like the roles that Neon creates."""
    name = f"login_{uuid4().hex}"
    base = empty_database.for_sqlalchemy
    async with database.transaction() as connection:
        await connection.execute(text(f"CREATE ROLE {name} LOGIN {powers} PASSWORD '{name}'"))
        await connection.execute(text(f"GRANT {', '.join(ROLES)} TO {name}"))
        await connection.execute(text(f"ALTER DATABASE {base.database} OWNER TO {name}"))
    url = base.set(username=name, password=name, drivername="postgresql")
    own = Database(DatabaseUrl(url.render_as_string(hide_password=False)), pool_size=2, wall=WALL)
    try:
        await migrate(own)
        assert await find_holes(own) == []
        await create(own, "ada")
        await create(own, "eve")
        assert (await counted(own, "ada"), await counted(own, "nobody")) == (1, 0)
        async with own.transaction() as connection:
            seen = (await connection.execute(COUNT)).scalar_one()
        assert seen == (2 if "BYPASSRLS" in powers else 0)
    finally:
        await own.close()
        await _drop(empty_database, name)


async def _drop(url: DatabaseUrl, role: str) -> None:
    database = Database(url, pool_size=1, wall=WALL)
    async with database.transaction() as connection:
        await connection.execute(text(f"REASSIGN OWNED BY {role} TO CURRENT_USER"))
        await connection.execute(text(f"DROP OWNED BY {role}"))
        await connection.execute(text(f"DROP ROLE {role}"))
    await database.close()


async def test_a_login_that_may_not_take_on_the_role_sees_nothing(
    database: Database, database_url: DatabaseUrl
) -> None:
    name = f"weak_{uuid4().hex}"
    async with database.transaction() as connection:
        await connection.execute(text(f"CREATE ROLE {name} LOGIN PASSWORD '{name}'"))
        await connection.execute(text(f"GRANT SELECT ON tasks TO {name}"))
    url = database_url.for_sqlalchemy.set(username=name, password=name, drivername="postgresql")
    weak = Database(DatabaseUrl(url.render_as_string(hide_password=False)), pool_size=1, wall=WALL)
    try:
        with pytest.raises(DatabaseUnavailableError):
            await counted(weak, "ada")
        assert f"the login may not switch to the role {ROLE}" in await find_holes(weak)
    finally:
        await weak.close()
        async with database.transaction() as connection:
            await connection.execute(text(f"DROP OWNED BY {name}"))
            await connection.execute(text(f"DROP ROLE {name}"))
