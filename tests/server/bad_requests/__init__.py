"""A corpus of bad requests, as data: the bytes to send, and the expected rejection."""

from tests.server.bad_requests.bodies import BODIES
from tests.server.bad_requests.credentials import CREDENTIALS
from tests.server.bad_requests.framings import FRAMINGS
from tests.server.bad_requests.hosts import HOSTILE
from tests.server.bad_requests.parameters import PARAMETERS
from tests.server.bad_requests.replacements import REPLACEMENTS
from tests.server.bad_requests.request import BadRequest
from tests.server.bad_requests.smuggling import SMUGGLING
from tests.server.bad_requests.targets import TARGETS

CORPUS = [
    *BODIES,
    *REPLACEMENTS,
    *FRAMINGS,
    *SMUGGLING,
    *HOSTILE,
    *TARGETS,
    *PARAMETERS,
    *CREDENTIALS,
]

__all__ = ["CORPUS", "BadRequest"]
