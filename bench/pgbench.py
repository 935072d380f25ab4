"""The limit of the database: `pgbench` runs the SQL of the four operations on the peers' table."""

import os
import re
import subprocess
from pathlib import Path

from sqlalchemy import make_url

from bench import rows
from bench.errors import BenchError
from bench.operations import DESCRIPTION, DUE_AT, TITLE
from bench.systems import POOL_SIZE

NAME = "pgbench"
LABEL = "pgbench, same SQL"

_TASK = ", ".join(rows.FIELDS)
_USER = f"\\set user random(0, {rows.USERS_UNDER_LOAD - 1})\n"
_NUMBER = f"\\set number :user * {rows.TASKS_OF_A_USER} + random(0, {rows.TASKS_OF_A_USER - 1})\n"
_OWN = "user_id = 'user-' || :user"
_ID = f"id = ('{rows.ID_PREFIX}' || lpad(:number::text, 12, '0'))::uuid"

_SCRIPTS = {
    "list": f"{_USER}SELECT {_TASK} FROM tasks WHERE {_OWN} "
    "ORDER BY created_at DESC, id DESC LIMIT 51;\n",
    "get": f"{_USER}{_NUMBER}SELECT {_TASK} FROM tasks WHERE {_OWN} AND {_ID};\n",
    "create": f"{_USER}INSERT INTO tasks (user_id, id, title, description, due_at, revision) "
    f"VALUES ('user-' || :user, uuidv7(), '{TITLE}', '{DESCRIPTION}', '{DUE_AT}', 1) "
    f"RETURNING {_TASK};\n",
    "complete": f"{_USER}{_NUMBER}UPDATE tasks SET completed = NOT completed, "
    "completed_at = CASE WHEN completed THEN NULL ELSE now() END, updated_at = now(), "
    f"revision = revision + 1 WHERE {_OWN} AND {_ID} RETURNING {_TASK};\n",
}


def transactions_per_second(
    program: Path, database_url: str, operation: str, seconds: int
) -> float:
    """Run the SQL of an operation; return its rate. Raises `BenchError` if it fails."""
    url = make_url(database_url)
    command = [str(program), "--no-vacuum", "--protocol=prepared", "--file=-"]
    command += [f"--client={POOL_SIZE}", "--jobs=1", f"--time={seconds}"]
    finished = subprocess.run(
        [*command, url._replace(password=None).render_as_string()],
        # The password is not an argument, which other users can read.
        env={"PATH": os.defpath, "PGPASSWORD": str(url.password)},
        input=_SCRIPTS[operation],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"(?m)^tps = ([\d.]+)", finished.stdout)
    if finished.returncode or found is None:
        raise BenchError(f"pgbench failed:\n{finished.stdout}{finished.stderr}")
    return float(found[1])
