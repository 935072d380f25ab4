"""`dev`: the development server, which creates what is missing."""

import sys
import textwrap

from .. import create_app
from ..server.http.listener import listen
from ..server.http.run import run
from ..server.observability import metrics
from ..server.workers.tally import WorkerTally
from ..settings import Settings
from .interruption import Interruption
from .migrate import migrate_database
from .misspellings import warn_of_names
from .purge import purge_in_background
from .resolve import development_secret, server_database
from .token import make_token

_TOKEN_SECONDS = 24 * 3600


def dev(settings: Settings, interruption: Interruption) -> None:
    """Serve on an embedded database unless another is configured, with a generated secret."""
    warn_of_names()
    with server_database(development_secret(settings)) as resolved:
        migrate_database(resolved)
        with metrics.serve_metrics(resolved.metrics_bind, WorkerTally()):
            checked = resolved.model_copy(update={"validate_responses": True})
            app = create_app(checked, local_origins=True)
            listener = listen(resolved.bind, resolved.keep_alive_seconds)
            interruption.check()
            purge_in_background(app)
            _print_banner(resolved)
            run(app, listener)


def _print_banner(settings: Settings) -> None:
    token = make_token(settings, "ada", _TOKEN_SECONDS)
    base = f"http://{settings.bind}"
    sys.stdout.write(_BANNER.format(base=base, token=token))
    sys.stdout.flush()


_BANNER = textwrap.dedent(
    """
    Taskward is running on {base} (press Ctrl-C to stop it)

      Documentation  {base}/docs
      Contract       {base}/openapi.yaml
      Front ends     pages of this machine, such as http://localhost:5173, can call it
                     (others: CORS_ORIGINS)

    A token for the user "ada", valid for one day:

    {token}

    Create a task:

    curl -sS {base}/api/tasks \\
      -H 'Authorization: Bearer {token}' \\
      -H 'Content-Type: application/json' \\
      -d '{{"title": "Buy milk"}}'

    """
)
