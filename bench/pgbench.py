"""The limit of the database: `pgbench` runs the SQL of the four operations on the peers' table."""

import os
import re
import subprocess
from pathlib import Path

from sqlalchemy import make_url

from app.database.driver.url import DatabaseUrl
from bench import rows
from bench.errors import BenchError
from bench.operations import DESCRIPTION, DUE_AT, TITLE
from bench.systems import POOL_SIZE

NAME = "pgbench"

_TASK = (
    "id, user_id, title, description, due_at, completed, completed_at, created_at, updated_at, "
    "revision"
)
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


class Pgbench:
    """Runs pgbench from a folder of binaries on one database."""

    def __init__(self, binaries: Path, database_url: str, folder: Path) -> None:
        self._program = binaries / "pgbench"
        self._environment = _environment(database_url)
        self._folder = folder

    def transactions_per_second(self, operation: str, seconds: int) -> float:
        """Run the SQL of an operation; return its rate. Raises `BenchError` if it fails."""
        script = self._folder / f"{operation}.sql"
        script.write_text(_SCRIPTS[operation])
        command = [str(self._program), "--no-vacuum", "--protocol=prepared", f"--file={script}"]
        command += [f"--client={POOL_SIZE}", "--jobs=1", f"--time={seconds}"]
        finished = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False
        )
        found = re.search(r"(?m)^tps = ([\d.]+)", finished.stdout)
        if finished.returncode or found is None:
            raise BenchError(f"pgbench failed:\n{finished.stdout}{finished.stderr}")
        return float(found[1])


def _environment(database_url: str) -> dict[str, str]:
    url, place = make_url(database_url), DatabaseUrl(database_url).for_driver
    return {
        "PATH": os.defpath,
        "PGHOST": str(place["host"]),
        "PGPORT": str(place["port"]),
        "PGUSER": str(url.username),
        "PGPASSWORD": str(url.password),  # not as an argument, which other users can read
        "PGDATABASE": str(url.database),
    }
