"""The command line: `taskward COMMAND`, or `python -m app COMMAND` in a checkout."""

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial

from .commands.dev import dev
from .commands.doctor import doctor
from .commands.interruption import Interruption
from .commands.migrate import migrate_command
from .commands.program import PROGRAM
from .commands.purge import purge_command
from .commands.reload import reload_command
from .commands.reporting import reporting
from .commands.restored import restored_command
from .commands.serve import serve
from .commands.streams import open_closed_streams
from .commands.token import token
from .commands.version import ShowVersion
from .server.observability.logs import configure_logs
from .settings import Settings, read_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status of the process."""
    open_closed_streams()
    options = _parser().parse_args(arguments)
    interruption = Interruption()
    interruption.install()

    def run() -> None:
        if options.run is None:
            # No settings: `systemctl reload` runs it without the service's credentials.
            reload_command()
            return
        settings = read_settings()
        configure_logs(settings.log_level, settings.log_format)
        command: Callable[[Settings], None] = options.run(options, interruption)
        command(settings)

    return reporting(run)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Taskward, a task API.")
    parser.add_argument("--version", action=ShowVersion, help="print the version and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add(
        commands,
        "dev",
        "run the development server",
        lambda _, interruption: partial(dev, interruption=interruption),
    )
    _add(
        commands,
        "serve",
        "run the production server",
        lambda _, interruption: partial(serve, interruption=interruption),
    )
    _add_migrate(commands)
    _add(commands, "reload", "replace the workers of a running server", None)
    _add(
        commands,
        "purge",
        "delete expired idempotency keys and tombstones",
        lambda *_: purge_command,
    )
    _add(
        commands,
        "restored",
        "after restoring a backup, make every client resync",
        lambda *_: restored_command,
    )
    _add_doctor(commands)
    _add_token(commands)
    return parser


def _add_migrate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    for_migrate = _add(
        commands,
        "migrate",
        "migrate the database schema to this version",
        lambda options, _: partial(migrate_command, citus=options.citus),
    )
    for_migrate.add_argument(
        "--citus", action="store_true", help="distribute the tables by user with Citus"
    )


def _add_doctor(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    for_doctor = _add(
        commands,
        "doctor",
        "check settings, keys, database and schema, or explain a token",
        lambda options, _: partial(doctor, token=options.token),
    )
    for_doctor.add_argument(
        "--token", action="store_true", help="explain the token on the standard input"
    )


def _add_token(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    for_token = _add(
        commands,
        "token",
        "print an HS256 token for testing",
        lambda options, _: partial(token, user=options.user, ttl=options.ttl),
    )
    for_token.add_argument("user", metavar="USER", help="the user's id")
    for_token.add_argument(
        "--ttl", type=int, default=3600, metavar="SECONDS", help="lifetime of the token (3600)"
    )


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    summary: str,
    run: Callable[[argparse.Namespace, Interruption], Callable[[Settings], None]] | None,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=summary, description=summary)
    command.set_defaults(run=run)
    return command


if __name__ == "__main__":
    sys.exit(main())
