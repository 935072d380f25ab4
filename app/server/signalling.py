"""What an app does besides its requests so that others can wait for changes."""

from functools import partial

from ..live.links import Link
from ..live.polling import ReadRevisions
from .background import in_background
from .http.application import Application


def run_signals(app: Application, read: ReadRevisions, link: Link | None) -> None:
    """Exchange signals with other processes while an app serves."""
    services = app.services
    in_background(app, partial(services.signals.run, services.database, read, link))
    in_background(app, partial(_end_waits, app))


async def _end_waits(app: Application) -> None:
    """End the waits when the process is about to stop: clients can then come to another one."""
    await app.services.stopping.wait()
    await app.services.waiters.end_all()
