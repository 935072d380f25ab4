"""Looks for holes in the second wall: whatever would let a transaction see rows of others."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.database import Database
from app.database.role import TAKE_ROLE, may_take_role
from app.database.wall import OWNER_COLUMNS, POLICY, ROLE, SETTING

_DML = {"SELECT", "INSERT", "UPDATE", "DELETE"}

_ROLE = text("""
SELECT rolsuper, rolbypassrls, rolcanlogin, rolcreaterole, rolcreatedb, rolreplication,
       EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid) AS is_member,
       EXISTS (SELECT FROM pg_shdepend
               WHERE refclassid = 'pg_authid'::regclass AND refobjid = r.oid AND deptype = 'o')
           AS owns,
       has_schema_privilege(r.oid, current_schema(), 'USAGE') AS uses_schema
FROM pg_roles r WHERE rolname = :role
""").bindparams(role=ROLE)

# The tables that hold users' data, and whatever else of the schema the role can reach, through
# PUBLIC or a single column too; but for what extensions bring along.
_RELATIONS = text("""
SELECT c.relname AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
       COALESCE(granted.privileges, '{}') AS privileges,
       ARRAY(SELECT concat_ws(' ', polcmd, polpermissive, polroles,
                              pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
             FROM pg_policy WHERE polrelid = c.oid) AS policies
FROM pg_class c
CROSS JOIN LATERAL (
    SELECT array_agg(DISTINCT privilege_type) AS privileges
    FROM (SELECT c.relacl AS acl
          UNION ALL SELECT attacl FROM pg_attribute WHERE attrelid = c.oid) AS acls,
         aclexplode(acl)
    WHERE grantee IN (0, (SELECT oid FROM pg_roles WHERE rolname = :role))
) AS granted
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e')
  AND (granted.privileges IS NOT NULL OR c.relname = ANY (:tables))
ORDER BY c.relname
""").bindparams(role=ROLE, tables=list(OWNER_COLUMNS))

_DEFAULT = text(f"SELECT COALESCE(current_setting('{SETTING}', true), '')")

# A search path with "$user" in it can lead a role to other tables than the login.
_FOUND = text("""
SELECT name, COALESCE(to_regclass(quote_ident(name))::oid::bigint, 0) AS oid
FROM unnest(CAST(:tables AS text[])) AS name ORDER BY name
""").bindparams(tables=list(OWNER_COLUMNS))

_POWERS = {
    "rolsuper": "is a superuser",
    "rolbypassrls": "may bypass row-level security",
    "rolcanlogin": "may log in",
    "rolcreaterole": "may make roles",
    "rolcreatedb": "may make databases",
    "rolreplication": "may replicate",
    "is_member": "is a member of another role",
    "owns": "owns something",
}


async def find_holes(database: Database) -> list[str]:
    """Answer what is wrong with the wall, a line each; nothing where it stands.

    Raises `DatabaseUnavailableError`.
    """
    async with database.transaction() as connection:
        return await holes_seen_by(connection)


async def holes_seen_by(connection: AsyncConnection) -> list[str]:
    """Answer the holes as a transaction of the login sees them."""
    role = (await connection.execute(_ROLE)).one_or_none()
    if role is None:
        return [f"there is no role {ROLE}"]
    relations = (await connection.execute(_RELATIONS)).all()
    return [
        *_holes_of_role(role),
        *_holes_of_relations(relations),
        *await _holes_of_login(connection),
    ]


def _holes_of_role(role: Row[Any]) -> Iterator[str]:
    for column, power in _POWERS.items():
        if getattr(role, column):
            yield f"the role {ROLE} {power}"
    if not role.uses_schema:
        yield f"the role {ROLE} may not use the schema"


async def _holes_of_login(connection: AsyncConnection) -> list[str]:
    holes = []
    if (await connection.execute(_DEFAULT)).scalar_one():
        holes.append(f"{SETTING} has a value before it is set")
    if not await may_take_role(connection):
        return [*holes, f"the login may not take on the role {ROLE}"]
    found_by_login = (await connection.execute(_FOUND)).all()
    async with connection.begin_nested() as savepoint:
        await connection.execute(TAKE_ROLE)
        found_by_role = (await connection.execute(_FOUND)).all()
        await savepoint.rollback()
    for mine, other in zip(found_by_login, found_by_role, strict=True):
        if mine != other:
            holes.append(f"the role {ROLE} finds another {mine.name} in its search path, or none")
    return holes


def _holes_of_relations(relations: Sequence[Row[Any]]) -> Iterator[str]:
    for missing in sorted(OWNER_COLUMNS.keys() - {each.name for each in relations}):
        yield f"there is no table {missing}"
    for relation in relations:
        yield from _holes_of_relation(relation, OWNER_COLUMNS.get(relation.name))


def _holes_of_relation(relation: Row[Any], owner: str | None) -> Iterator[str]:
    if owner is None:
        yield f"the role {ROLE} can reach {relation.name}, which no policy is meant for"
        return
    if not relation.enabled:
        yield f"row-level security is off on {relation.name}"
    if not relation.forced:
        yield f"row-level security is not forced on {relation.name}"
    condition = f"({owner} = {POLICY})"
    if relation.policies != [f"* t {{0}} {condition} {condition}"]:
        yield f"{relation.name} does not have just the policy that was made for it"
    for privilege in sorted(_DML.symmetric_difference(relation.privileges)):
        may = "may not" if privilege in _DML else "may"
        yield f"the role {ROLE} {may} {privilege} on {relation.name}"
