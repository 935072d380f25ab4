"""Answers requests: in the process of `serve` itself, or in a worker that it starts."""

import gc
import pickle
import sys

from quart import Quart

from app import create_app
from app.commands.purge import purge_in_background
from app.server.listener import Listener, listen
from app.server.logs import configure_logs
from app.server.run import run
from app.server.workers import end_with_supervisor
from app.settings import Settings


def answer(app: Quart, listener: Listener) -> None:
    """Serve and purge, until SIGINT or SIGTERM."""
    purge_in_background(app)
    # What is there by now stays: to look through it for garbage takes 50 ms each time.
    gc.collect()
    gc.freeze()
    run(app, listener)


def order(settings: Settings) -> bytes:
    """What a worker reads: settings, so that all have the same, whatever `.env` has become."""
    return pickle.dumps(settings)


def work(descriptor: str) -> None:
    """Be a worker: read the order, and answer on an inherited socket."""
    settings: Settings = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own supervisor
    end_with_supervisor()
    configure_logs(settings.log_level, settings.log_format)
    answer(create_app(settings), listen(f"fd://{descriptor}"))


if __name__ == "__main__":
    work(sys.argv[1])
