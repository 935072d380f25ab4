"""The statements of version 0.2.0, word for word except for the names of parameters.

An upgrade to the next version must not disturb them, so do not change them.
"""

REVISION = "0005"

SETTINGS = {
    "role": "taskward_app",
    "default_transaction_isolation": "read committed",
    "cpu_operator_cost": "0.0025",
}
"""Of each connection: a statement is a transaction of its own, except with an idempotency key."""

BEGIN = (
    "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL ROLE taskward_app; "
    "SET LOCAL app.user_id = E'{user}'; SET LOCAL lock_timeout = {lock_timeout}"
)

_IS_NAMED = "(SELECT set_config('app.user_id', $1::VARCHAR, true) AS set_config_1) IS NOT NULL AND"
_NAMES = (
    "id",
    "user_id",
    "title",
    "description",
    "due_at",
    "completed",
    "completed_at",
    "created_at",
    "updated_at",
    "revision",
)


def _columns(table: str) -> str:
    return ", ".join(f"{table}.{name}" for name in _NAMES)


def _named(table: str) -> str:
    return ", ".join(f"{table}.{name} AS {name}" for name in _NAMES)


CREATE = f"""
WITH owner_row AS
(INSERT INTO users (id, revision, task_count)
 SELECT $1::VARCHAR AS anon_5, 1::BIGINT AS anon_6, 1::INTEGER AS anon_7
 WHERE {_IS_NAMED.removesuffix(" AND")}
 ON CONFLICT (id) DO UPDATE SET revision = (users.revision + 1::BIGINT),
                                task_count = (users.task_count + 1::INTEGER)
 WHERE users.task_count < 100000::INTEGER RETURNING users.id, users.revision)
INSERT INTO tasks (user_id, id, title, description, due_at, revision)
SELECT owner_row.id, $2::UUID AS anon_1, $3::VARCHAR AS anon_2, $4::VARCHAR AS anon_3,
       $5::TIMESTAMP WITH TIME ZONE AS anon_4, owner_row.revision
FROM owner_row RETURNING {_columns("tasks")}
"""
GET = f"""
SELECT {_columns("tasks")} FROM tasks
WHERE {_IS_NAMED} tasks.user_id = $1::VARCHAR AND tasks.id = $2::UUID
"""


def _page(rows: str, order: str) -> str:
    columns = _columns("page").replace("page.revision", "page.revision AS revision_1")
    return f"""
SELECT users.epoch, users.revision, {columns}
FROM users LEFT OUTER JOIN ({rows}) AS page ON true
WHERE {_IS_NAMED} users.id = $1::VARCHAR ORDER BY {order}
"""


LIST = _page(
    f"""SELECT {_named("tasks")} FROM tasks WHERE {_IS_NAMED} tasks.user_id = $1::VARCHAR
    ORDER BY tasks.created_at DESC, tasks.id DESC LIMIT $2::BIGINT""",
    "page.created_at DESC NULLS LAST, page.id DESC NULLS LAST",
)


def _due(condition: str) -> str:
    return f"""(SELECT {_named("tasks")} FROM tasks
    WHERE {_IS_NAMED} tasks.user_id = $1::VARCHAR AND tasks.due_at IS {condition}
    ORDER BY tasks.due_at ASC, tasks.id ASC LIMIT $2::BIGINT)"""


LIST_DUE = _page(
    f"""SELECT {_named("arms")} FROM ({_due("NOT NULL")} UNION ALL {_due("NULL")}) AS arms
    ORDER BY arms.due_at ASC, arms.id ASC LIMIT $2::BIGINT""",
    "page.due_at ASC, page.id ASC",
)
_FEED_PAGE = f"""
SELECT users.epoch, users.revision AS last, users.feed_floor, {_columns("page")}
FROM users LEFT OUTER JOIN (%s) AS page ON true
WHERE {_IS_NAMED} users.id = $1::VARCHAR ORDER BY page.revision
"""
FEED_FROM_THE_BEGINNING = _FEED_PAGE % (
    f"""SELECT {_named("tasks")} FROM tasks WHERE {_IS_NAMED} tasks.user_id = $1::VARCHAR
    ORDER BY tasks.revision LIMIT $2::BIGINT"""
)
FEED = _FEED_PAGE % (
    f"""SELECT {_named("arms")}
    FROM ((SELECT {_named("tasks")} FROM tasks
           WHERE {_IS_NAMED} tasks.user_id = $1::VARCHAR AND tasks.revision > $2::BIGINT
           ORDER BY tasks.revision LIMIT $3::BIGINT)
    UNION ALL (SELECT tombstones.id AS id, tombstones.user_id AS user_id,
                      CAST(NULL AS TEXT) AS title, CAST(NULL AS TEXT) AS description,
                      CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS due_at,
                      CAST(NULL AS BOOLEAN) AS completed,
                      CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS completed_at,
                      CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS created_at,
                      CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS updated_at,
                      tombstones.revision AS revision
               FROM tombstones
               WHERE {_IS_NAMED} tombstones.user_id = $1::VARCHAR
                 AND tombstones.revision > $4::BIGINT
               ORDER BY tombstones.revision LIMIT $3::BIGINT)) AS arms
    ORDER BY arms.revision LIMIT $3::BIGINT"""
)
"""Its parameters are the user, the position, the limit and the horizon."""

_LOCKED = f"""
WITH locked_owner AS
(SELECT users.id AS id FROM users
 WHERE {_IS_NAMED} users.id = $1::VARCHAR FOR NO KEY UPDATE),
locked AS
(SELECT {_named("tasks")}, now() AS instant FROM tasks, locked_owner
 WHERE {_IS_NAMED} tasks.user_id = $1::VARCHAR AND tasks.id = $2::UUID
   AND tasks.user_id = locked_owner.id FOR NO KEY UPDATE OF tasks)
"""
_IS_EXPECTED = "$3::BIGINT[] IS NULL OR locked.revision = any($3::BIGINT[])"


def _next_revision(more: str, made: int = 0) -> str:
    return f"""
owner_row AS
(UPDATE users SET revision=(users.revision + 1::BIGINT),
                  task_count=(users.task_count + ({made})::INTEGER) FROM locked
 WHERE {_IS_NAMED} users.id = $1::VARCHAR AND users.id = locked.user_id AND ({_IS_EXPECTED}){more}
 RETURNING users.id, users.revision, locked.instant)
"""


def _update(differs: str, values: str) -> str:
    return f"""
{_LOCKED}, {_next_revision(f" AND {differs}")}, changed AS
(UPDATE tasks SET {values}, updated_at=greatest(owner_row.instant, tasks.updated_at),
                  revision=owner_row.revision FROM owner_row
 WHERE {_IS_NAMED} tasks.user_id = $1::VARCHAR AND tasks.id = $2::UUID
   AND tasks.user_id = owner_row.id RETURNING {_columns("tasks")})
SELECT {_columns("changed")}, true AS anon_1 FROM changed
UNION ALL SELECT {_columns("locked")}, {_IS_EXPECTED} AS anon_2 FROM locked
WHERE NOT (({_IS_EXPECTED}) AND {differs})
"""


REPLACE = _update(
    "(locked.description IS DISTINCT FROM $5::VARCHAR "
    "OR locked.due_at IS DISTINCT FROM $6::TIMESTAMP WITH TIME ZONE "
    "OR locked.title IS DISTINCT FROM $4::VARCHAR)",
    "title=$4::VARCHAR, description=$5::VARCHAR, due_at=$6::TIMESTAMP WITH TIME ZONE",
)
"""The parameters of each change begin with the user, the task and its expected revisions."""
UPDATE_DUE_AT = _update(
    "locked.due_at IS DISTINCT FROM $4::TIMESTAMP WITH TIME ZONE",
    "due_at=$4::TIMESTAMP WITH TIME ZONE",
)
COMPLETE = _update(
    "locked.completed IS DISTINCT FROM $4::BOOLEAN",
    "completed=$4::BOOLEAN, completed_at=CASE WHEN (tasks.completed = $4::BOOLEAN) "
    "THEN tasks.completed_at WHEN $4::BOOLEAN THEN owner_row.instant ELSE NULL END",
)
DELETE = f"""
{_LOCKED}, {_next_revision("", -1)}, deleted AS
(DELETE FROM tasks USING owner_row
 WHERE {_IS_NAMED} tasks.user_id = $1::VARCHAR AND tasks.id = $2::UUID
   AND tasks.user_id = owner_row.id RETURNING tasks.user_id, tasks.id)
INSERT INTO tombstones (user_id, id, revision)
SELECT owner_row.id, deleted.id AS id_1, owner_row.revision FROM owner_row, deleted
WHERE deleted.user_id = owner_row.id RETURNING tombstones.id
"""
SUMMARY = f"""
SELECT users.task_count, users.revision, users.epoch FROM users
WHERE {_IS_NAMED} users.id = $1::VARCHAR
"""
ERASE = f"DELETE FROM users WHERE {_IS_NAMED} users.id = $1::VARCHAR RETURNING users.id"

TAKE_KEY = "SELECT pg_try_advisory_xact_lock($1::BIGINT) AS pg_try_advisory_xact_lock_1"
SELECT_ANSWER = """
SELECT idempotency_keys.fingerprint, idempotency_keys.status,
       CAST(idempotency_keys.headers AS TEXT) AS headers, idempotency_keys.body
FROM idempotency_keys
WHERE idempotency_keys.user_id = $1::VARCHAR AND idempotency_keys.operation = $2::VARCHAR
  AND idempotency_keys.key = $3::VARCHAR
  AND idempotency_keys.created_at > now() - '1 day'::INTERVAL
"""
UPSERT_ANSWER = """
INSERT INTO idempotency_keys (user_id, operation, key, fingerprint, status, headers, body)
VALUES ($1::VARCHAR, $2::VARCHAR, $3::VARCHAR, $4::BYTEA, $5::SMALLINT, $6::JSONB, $7::BYTEA)
ON CONFLICT (user_id, operation, key) DO UPDATE
SET fingerprint = $4::BYTEA, status = $5::SMALLINT, headers = $6::JSONB, body = $7::BYTEA,
    created_at = excluded.created_at
RETURNING idempotency_keys.key
"""
