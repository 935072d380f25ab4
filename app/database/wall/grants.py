"""Removal of other roles' rights on Taskward's tables.

A database can grant rights on every new table by default. Supabase's grant all of them to `anon`. A
role that may read a table could set any user id and see that user's rows.
"""

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ..migrations import version
from .policies import ROLE, ROLES
from .tables import Wall

VERSION_TABLES = (version.TABLE, version.RELEASED_TABLE)

# Rights of others on the tables of the schema, except those that add nothing: a superuser may do
# everything; a role with BYPASSRLS, such as one for backups, may read; and a login that serves may
# do what the role of users may, and read the version.
_OTHERS = text("""
SELECT c.relname AS table, a.privilege_type AS privilege, a.grantee = 0 AS is_public,
       COALESCE(quote_ident(r.rolname), 'PUBLIC') AS grantee,
       EXISTS (
           SELECT FROM pg_default_acl d, aclexplode(d.defaclacl) x
           WHERE d.defaclrole = c.relowner AND d.defaclobjtype = 'r'
             AND d.defaclnamespace IN (0, c.relnamespace)
             AND x.grantee = a.grantee AND x.privilege_type = a.privilege_type
       ) AS by_default,
       pg_has_role(c.relowner, 'USAGE') AS is_own,
       quote_ident(n.nspname) AS schema
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT grantee, privilege_type FROM aclexplode(c.relacl)
    UNION ALL
    SELECT grantee, format('%s (%s)', privilege_type, attname)
    FROM pg_attribute, aclexplode(attacl) WHERE attrelid = c.oid
) AS a
LEFT JOIN pg_roles r ON r.oid = a.grantee
LEFT JOIN pg_roles app ON app.rolname = :app
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = quote_ident(current_schema())::regnamespace
  AND c.relname = ANY (:tables)
  AND a.grantee <> c.relowner AND COALESCE(r.rolname <> ALL (:roles), true)
  AND NOT COALESCE(r.rolsuper, false)
  AND NOT (COALESCE(r.rolbypassrls, false) AND a.privilege_type LIKE 'SELECT%')
  AND NOT (a.grantee <> 0 AND app.oid IS NOT NULL AND pg_has_role(a.grantee, app.oid, 'MEMBER')
           AND (a.privilege_type LIKE 'SELECT%'
                OR c.relname <> ALL (:versions)
                   AND split_part(a.privilege_type, ' ', 1) IN ('INSERT', 'UPDATE', 'DELETE')))
ORDER BY c.relname, grantee, privilege
""")
_RIGHTS = _OTHERS.bindparams(app=ROLE, roles=list(ROLES), versions=list(VERSION_TABLES))
# For the table of a version without its own table: a login that only serves may read it.
_READERS = text("""
SELECT DISTINCT quote_ident(r.rolname)
FROM pg_class c, aclexplode(c.relacl) a, pg_roles r, pg_roles app
WHERE c.relname = :table AND a.privilege_type = 'SELECT'
  AND c.relnamespace = quote_ident(current_schema())::regnamespace
  AND r.oid = a.grantee AND a.grantee <> c.relowner
  AND app.rolname = :app AND (pg_has_role(r.oid, app.oid, 'MEMBER') OR r.rolbypassrls)
""").bindparams(app=ROLE, table=version.RELEASED_TABLE)
_SCHEMA = text("SELECT quote_ident(current_schema())")


async def rights_of_others(connection: AsyncConnection, wall: Wall) -> list[str]:
    """Return the rights of others on Taskward's tables, one line each."""
    found = (await connection.execute(_RIGHTS, {"tables": [*wall.tables, version.TABLE]})).all()
    return [
        f"{'PUBLIC' if row.is_public else f'the role {row.grantee}'} may {row.privilege} on "
        f"{row.table}: REVOKE it"
        for row in found
        # The audit of Taskward's roles reports this one.
        if not (row.is_public and row.table in wall.tables)
    ]


def close_to_others(connection: Connection, wall: Wall, *more: str) -> None:
    """Revoke the rights that others got on Taskward's tables by default.

    Rights that an operator granted stay. `more` are further tables of Taskward. Only an owner of
    the tables can revoke; for another login this does nothing.
    """
    tables = [*wall.tables, version.TABLE, *more]
    for row in connection.execute(_RIGHTS, {"tables": tables}).all():
        given = row.by_default or row.is_public or row.table in VERSION_TABLES
        if given and row.is_own and "(" not in row.privilege:
            connection.execute(
                text(f"REVOKE {row.privilege} ON {row.schema}.{row.table} FROM {row.grantee}")
            )


async def pass_on_readers(connection: AsyncConnection) -> None:
    """Grant SELECT on the new version table to the logins that may read the old one."""
    schema = (await connection.execute(_SCHEMA)).scalar_one()
    for reader in (await connection.scalars(_READERS)).all():
        await connection.execute(text(f"GRANT SELECT ON {schema}.{version.TABLE} TO {reader}"))
