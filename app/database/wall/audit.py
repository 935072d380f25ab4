"""Checks for holes in the second wall: whatever would show a transaction rows of other users."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ..database import Database
from .citus import layout_seen_by
from .grants import rights_of_others
from .layout import Layout
from .policies import PURGE_ROLE, ROLE, ROLES, SETTING
from .role import may_take_role, take_role
from .tables import Wall

_ROLES = text("""
SELECT rolname AS name, rolsuper, rolbypassrls, rolcanlogin, rolcreaterole, rolcreatedb,
       rolreplication,
       EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid) AS is_member,
       EXISTS (SELECT FROM pg_shdepend
               WHERE refclassid = 'pg_authid'::regclass AND refobjid = r.oid AND deptype = 'o')
           AS owns,
       has_schema_privilege(r.oid, current_schema(), 'USAGE') AS uses_schema
FROM pg_roles r WHERE rolname = ANY (:roles) ORDER BY rolname
""").bindparams(roles=list(ROLES))

# The tables with users' data, and every other relation of the schema that a role can access, also
# through PUBLIC or a single column. Relations of extensions are left out.
_RELATIONS = text("""
SELECT c.relname AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced, granted.*,
       ARRAY(SELECT concat_ws(' ', polcmd, polpermissive, polroles::regrole[],
                              pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
             FROM pg_policy WHERE polrelid = c.oid) AS policies
FROM pg_class c
CROSS JOIN LATERAL (
    SELECT COALESCE(array_agg(privilege) FILTER (WHERE grantee IN ('-', :app)), '{}') AS app,
           COALESCE(array_agg(privilege) FILTER (WHERE grantee IN ('-', :purge)), '{}') AS purge
    FROM (SELECT grantee::regrole::text AS grantee, privilege_type AS privilege
          FROM aclexplode(c.relacl)
          UNION ALL
          SELECT grantee::regrole::text, format('%s (%s)', privilege_type, attname)
          FROM pg_attribute, aclexplode(attacl) WHERE attrelid = c.oid) AS privileges
) AS granted
WHERE c.relnamespace = quote_ident(current_schema())::regnamespace
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e')
  AND (granted.app <> '{}' OR granted.purge <> '{}' OR c.relname = ANY (:tables))
ORDER BY c.relname
""").bindparams(app=ROLE, purge=PURGE_ROLE)

_DEFAULT = text(f"SELECT COALESCE(current_setting('{SETTING}', true), '')")

# A search path with "$user" in it can lead a role to other tables than the login.
_FOUND = text("""
SELECT name, COALESCE(to_regclass(quote_ident(name))::oid::bigint, 0) AS oid
FROM unnest(CAST(:tables AS text[])) AS name ORDER BY name
""")

_POWERS = {
    "rolsuper": "is a superuser",
    "rolbypassrls": "may bypass row-level security",
    "rolcanlogin": "may log in",
    "rolcreaterole": "may create roles",
    "rolcreatedb": "may create databases",
    "rolreplication": "may replicate",
    "is_member": "is a member of another role",
    "owns": "owns objects",
}


async def find_holes(database: Database) -> list[str]:
    """Return the holes in the wall, one line each; an empty list if there are none.

    Raises `DatabaseUnavailableError`.
    """
    async with database.transaction() as connection:
        return await holes_seen_by(connection, database.wall)


async def holes_seen_by(connection: AsyncConnection, wall: Wall) -> list[str]:
    """Return the holes that a transaction of the login finds."""
    roles = (await connection.execute(_ROLES)).all()
    missing = set(ROLES) - {role.name for role in roles}
    if missing:
        return [f"there is no role {name}" for name in sorted(missing)]
    relations = (await connection.execute(_RELATIONS, {"tables": list(wall.tables)})).all()
    layout = await layout_seen_by(connection, wall)
    return [
        *(hole for role in roles for hole in _holes_of_role(role)),
        *_holes_of_relations(relations, wall, layout),
        *await rights_of_others(connection, wall),
        *await _holes_of_login(connection, wall),
    ]


def _holes_of_role(role: Row[Any]) -> Iterator[str]:
    for column, power in _POWERS.items():
        if getattr(role, column):
            yield f"the role {role.name} {power}"
    if not role.uses_schema:
        yield f"the role {role.name} may not use the schema"


async def _holes_of_login(connection: AsyncConnection, wall: Wall) -> list[str]:
    holes = []
    tables = {"tables": list(wall.tables)}
    if (await connection.execute(_DEFAULT)).scalar_one():
        holes.append(f"{SETTING} has a default value")
    found_by_login = (await connection.execute(_FOUND, tables)).all()
    for role in ROLES:
        if not await may_take_role(connection, role):
            holes.append(f"the login may not switch to the role {role}")
            continue
        async with connection.begin_nested() as savepoint:
            await connection.execute(take_role(role))
            found_by_role = (await connection.execute(_FOUND, tables)).all()
            await savepoint.rollback()
        holes += [
            f"the search path of the role {role} does not lead to the table {mine.name}"
            for mine, other in zip(found_by_login, found_by_role, strict=True)
            if mine != other
        ]
    return holes


def _holes_of_relations(relations: Sequence[Row[Any]], wall: Wall, layout: Layout) -> Iterator[str]:
    for missing in sorted(wall.tables.keys() - {each.name for each in relations}):
        yield f"there is no table {missing}"
    for relation in relations:
        granted = {ROLE: set(relation.app), PURGE_ROLE: set(relation.purge)}
        if relation.name in wall.tables:
            yield from _holes_of_table(relation, wall, layout)
            for role, privileges in granted.items():
                expected = layout.privileges(wall.privileges(role, relation.name))
                yield from _holes_of_privileges(relation.name, role, expected, privileges)
        elif not _is_behind_wall(relation, f"({wall.owner_column} = {layout.policy})"):
            for role in (role for role, privileges in granted.items() if privileges):
                yield f"the role {role} can access {relation.name}, which does not separate users"


def _holes_of_table(table: Row[Any], wall: Wall, layout: Layout) -> Iterator[str]:
    if not table.enabled:
        yield f"row-level security is off on {table.name}"
    if not table.forced:
        yield f"row-level security is not forced on {table.name}"
    condition = f"({wall.owner_columns[table.name]} = {layout.policy})"
    policies = [f"* t {{-}} {condition} {condition}"]
    if purge := wall.tables[table.name].purge:
        policies.append(f"* t {{{PURGE_ROLE}}} {purge.policy}")
    if sorted(table.policies) != sorted(policies):
        yield f"{table.name} has the wrong policies"


def _is_behind_wall(table: Row[Any], condition: str) -> bool:
    """Return whether an unknown table shows each user only the user's own rows.

    During a rollout, a later version has created it while this one serves.
    """
    policy_of_users = f"* t {{-}} {condition} {condition}"
    purge = f"{{{PURGE_ROLE}}}"
    of_users = [policy for policy in table.policies if policy.split(" ")[2] != purge]
    return bool(table.enabled and table.forced and of_users == [policy_of_users])


def _holes_of_privileges(
    relation: str, role: str, expected: AbstractSet[str], privileges: AbstractSet[str]
) -> Iterator[str]:
    for privilege in sorted(expected ^ privileges):
        may = "may not" if privilege in expected else "may"
        yield f"the role {role} {may} {privilege} on {relation}"
