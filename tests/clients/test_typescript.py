"""The compiler finds mistakes in the use of a TypeScript client."""

import json
import re
import shutil
import subprocess
from pathlib import Path

from tests.support.node_packages import installed_or_skipped

FOLDER = Path(__file__).with_name("typescript")
CONTRACT = Path(__file__).parents[2] / "openapi.yaml"
MISTAKES = {
    "a member that does not exist": ("each.revision", "each.version"),
    "a required member that is missing": ('body: { title: "one" }', "body: {}"),
    "a path that does not exist": ('GET("/api/tasks"', 'GET("/api/task"'),
    "a value that is not in the enumeration": ('sort: "created_at"', 'sort: "title"'),
    "a code that does not exist": ('"task_quota_reached"', '"conflict"'),
    "null as a string": ("title.trim()", "description.trim()"),
}


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_only_mistakes_do_not_compile(tmp_path: Path) -> None:
    programs = installed_or_skipped(FOLDER)
    (tmp_path / "node_modules").symlink_to(FOLDER / "node_modules")
    for name in ("package.json", "uses.ts"):
        shutil.copy(FOLDER / name, tmp_path)
    generated = run(programs / "openapi-typescript", CONTRACT, "-o", "schema.d.ts", folder=tmp_path)
    assert generated.returncode == 0, generated.stderr
    uses = (tmp_path / "uses.ts").read_text()
    for mistake, (right, wrong) in MISTAKES.items():
        assert right in uses
        (tmp_path / f"{mistake}.ts").write_text(uses.replace(right, wrong))
    configuration = json.loads((FOLDER / "tsconfig.json").read_text())
    configuration["files"] = ["uses.ts", *(f"{mistake}.ts" for mistake in MISTAKES)]
    (tmp_path / "tsconfig.json").write_text(json.dumps(configuration))
    # Compile all of them at once, because the compiler takes seconds to start.
    compiled = run(programs / "tsc", folder=tmp_path)
    refused = re.findall(r"^(.+)\.ts\(\d+,\d+\): error TS", compiled.stdout, re.MULTILINE)
    assert set(refused) == set(MISTAKES), compiled.stdout
