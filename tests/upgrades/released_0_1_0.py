"""The statements of version 0.1.0, word for word except for the names of parameters.

An upgrade to the next version must not disturb them, so do not change them.
"""

REVISION = "0002"

BEGIN = "BEGIN; SET LOCAL ROLE taskward_app; SET LOCAL app.user_id = E'{user}'"
COMMIT = "COMMIT"

_COLUMNS = (
    "tasks.id, tasks.user_id, tasks.title, tasks.description, tasks.due_at, tasks.completed, "
    "tasks.completed_at, tasks.created_at, tasks.updated_at, tasks.revision"
)

CREATE = f"""
WITH owner_row AS (
    INSERT INTO users (id, revision, task_count) VALUES ($1, 1, 1)
    ON CONFLICT (id) DO UPDATE SET revision = users.revision + 1, task_count = users.task_count + 1
    WHERE users.task_count < 100000
    RETURNING users.id, users.revision
)
INSERT INTO tasks (user_id, id, title, description, due_at, revision)
SELECT owner_row.id, $2::uuid, $3::varchar, NULL::varchar, NULL::timestamptz, owner_row.revision
FROM owner_row RETURNING {_COLUMNS}
"""
GET = f"SELECT {_COLUMNS} FROM tasks WHERE tasks.user_id = $1 AND tasks.id = $2"
LIST = f"""
SELECT {_COLUMNS} FROM tasks WHERE tasks.user_id = $1
ORDER BY tasks.created_at DESC, tasks.id DESC LIMIT 51
"""
REPLACE = f"""
WITH owner_row AS (
    UPDATE users SET revision = users.revision + 1, task_count = greatest(users.task_count + 0, 0)
    WHERE users.id = $1 AND EXISTS (
        SELECT * FROM tasks WHERE tasks.user_id = $1 AND tasks.id = $2)
    RETURNING users.id, users.revision
)
UPDATE tasks SET title = $3, description = NULL, due_at = NULL, revision = owner_row.revision,
                 updated_at = greatest(now(), tasks.updated_at)
FROM owner_row WHERE tasks.user_id = $1 AND tasks.id = $2 AND tasks.user_id = owner_row.id
RETURNING {_COLUMNS}
"""
COMPLETE = f"""
WITH owner_row AS (
    UPDATE users SET revision = users.revision + 1, task_count = greatest(users.task_count + 0, 0)
    WHERE users.id = $1 AND EXISTS (
        SELECT * FROM tasks
        WHERE tasks.user_id = $1 AND tasks.id = $2 AND tasks.completed != true)
    RETURNING users.id, users.revision
)
UPDATE tasks SET completed = true, completed_at = CASE WHEN true THEN now() END,
                 revision = owner_row.revision, updated_at = greatest(now(), tasks.updated_at)
FROM owner_row
WHERE tasks.user_id = $1 AND tasks.id = $2 AND tasks.completed != true
  AND tasks.user_id = owner_row.id
RETURNING {_COLUMNS}
"""
DELETE = f"""
WITH owner_row AS (
    UPDATE users SET revision = users.revision + 1, task_count = greatest(users.task_count - 1, 0)
    WHERE users.id = $1 AND EXISTS (
        SELECT * FROM tasks WHERE tasks.user_id = $1 AND tasks.id = $2)
    RETURNING users.id, users.revision
)
DELETE FROM tasks USING owner_row
WHERE tasks.user_id = $1 AND tasks.id = $2 AND tasks.user_id = owner_row.id
RETURNING {_COLUMNS}
"""
SUMMARY = "SELECT users.task_count, users.revision FROM users WHERE users.id = $1"
ERASE = "DELETE FROM users WHERE users.id = $1 RETURNING users.id"
