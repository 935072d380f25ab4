"""A `docker` for the commands of the guides: podman, and the PostgreSQL of the test as `database`.

It takes the options of the container from `deploy/compose.yaml`, and runs it in the network of this
machine, where no bridge is needed.
"""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import yaml

PODMAN = ("podman", "--runtime", "runc", "--root", os.environ.get("PODMAN_ROOT", ""))
NAME = "taskward"
DOCKERFILE = ("--file", "deploy/Dockerfile", "--tag", NAME, ".")
MOUNTED = ("/etc/ssl/certs", "/etc/pip.conf")
"""What the build may need in order to reach a package index."""
PROCESSES = 4096


def podman(*arguments: str) -> None:
    """Run podman. Exit with its status if it fails."""
    status = subprocess.run([*PODMAN, *arguments], check=False).returncode
    if status:
        sys.exit(status)


def build(*options: str) -> None:
    """Build the image on the base that is there, and keep its health check."""
    mounts = [f"--volume={path}:{path}:ro" for path in MOUNTED if Path(path).exists()]
    python = f"--build-arg=PYTHON={os.environ['PYTHON_TAG']}"
    podman("build", "--pull=never", "--format=docker", "--network=host", python, *mounts, *options)


def run(*options: str) -> None:
    """Run a container at the port of the test. Only root of the whole machine may raise limits."""
    _, descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)
    limits = f"--ulimit=nofile={descriptors}", f"--ulimit=nproc={PROCESSES}"
    bind = f"--env=BIND={os.environ['CONTAINER_BIND']}"
    podman("run", "--network=host", "--health-interval=disable", *limits, bind, *options)


def compose(*arguments: str) -> None:
    """Do what Docker Compose does for the commands of the guides."""
    match arguments:
        case ["build"]:
            build(*DOCKERFILE)
        case ["up", "--detach", "--wait"]:
            _ensure_database()
            podman("rm", "--force", "--ignore", "--time=30", NAME)
            run("--detach", f"--name={NAME}", *_options(), NAME)
            _wait_until_healthy()
        case ["stop", "taskward"]:
            podman("stop", "--time=30", NAME)
        case ["exec", "-T", "taskward", *command]:
            podman("exec", NAME, *command)
        case ["exec", "-T", "database", *command]:
            os.execvp(command[0], command)  # noqa: S606 - a command of the guide
        case ["run", "--rm", "-T", "taskward", *command]:
            run("--rm", *_options(), NAME, *command)
        case _:
            _refuse("compose", *arguments)


def _options() -> list[str]:
    """Return the options of the service, which is in `deploy/compose.yaml`."""
    service: dict[str, Any] = yaml.safe_load(Path("deploy/compose.yaml").read_text())["services"][
        "taskward"
    ]
    database = f"postgresql://taskward@127.0.0.1:{os.environ['PGPORT']}/taskward"
    return [
        f"--env-file=deploy/{service['env_file']}",
        f"--env=DATABASE_URL={database}",
        f"--env=PGPASSWORD={_password()}",
        f"--read-only={str(service['read_only']).lower()}",
        f"--memory={service['mem_limit']}",
        f"--pids-limit={service['pids_limit']}",
        *(f"--cap-drop={each}" for each in service["cap_drop"]),
        *(f"--security-opt={each.removesuffix(':true')}" for each in service["security_opt"]),
        *(f"--tmpfs={each}" for each in service["tmpfs"]),
    ]


def _password() -> str:
    lines = Path("deploy/.env").read_text().splitlines()
    return next(line.partition("=")[2] for line in lines if line.startswith("POSTGRES_PASSWORD="))


def _ensure_database() -> None:
    """Create login and database at the first start, as the image of PostgreSQL does."""
    role = f"CREATE ROLE taskward SUPERUSER LOGIN PASSWORD '{_password()}'"
    psql = "psql", "--quiet", "--tuples-only", os.environ["ADMIN_URL"], "--command"
    exists = "SELECT 1 FROM pg_roles WHERE rolname = 'taskward'"
    if not subprocess.run([*psql, exists], capture_output=True, check=True).stdout.strip():
        for statement in (role, "CREATE DATABASE taskward OWNER taskward"):
            subprocess.run([*psql, statement], check=True)


def _wait_until_healthy() -> None:
    for _ in range(100):
        check = [*PODMAN, "healthcheck", "run", NAME]
        if subprocess.run(check, capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.3)
    podman("logs", NAME)
    sys.exit("the container does not become healthy")


def _refuse(*arguments: str) -> NoReturn:
    sys.exit(f"tests/production/docker.py does not have: docker {' '.join(arguments)}")


def main(arguments: list[str]) -> None:
    """Run a command of `docker`."""
    match arguments:
        case ["compose", *rest]:
            compose(*rest)
        case ["build", *options]:
            build(*options)
        case ["run", *options]:
            run(*options)
        case ["exec" | "logs" | "stop" | "rm" | "inspect", *_]:
            podman(*arguments)
        case _:
            _refuse(*arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
