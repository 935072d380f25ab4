"""The check of `doctor` of what carries signals between processes."""

from ..database.database import Database
from ..database.driver.causes import reason
from ..live.choice import link_of
from ..live.errors import LinkLostError
from ..live.links import Carrier
from ..live.trial import try_link
from ..settings import Settings

_CARRIED: dict[Carrier, str] = {
    "redis": "Redis carries the changes of one process to waiting requests of another",
    "listen": "LISTEN carries the changes of one process to waiting requests of another",
    "polling": (
        "waiting requests get changes of another process by polling, once a second, because a "
        "pooler carries no LISTEN. RATE_LIMIT_STORAGE names a Redis that could"
    ),
}


async def check_signals(settings: Settings, database: Database) -> tuple[str, str | None]:
    """Return what carries signals, and a warning if it does not work."""
    storage = settings.rate_limit_storage
    url = storage.get_secret_value() if storage else None
    link = link_of(database, url, settings.has_pooler)
    if link is None:
        return _CARRIED["polling"], None
    try:
        await try_link(link)
    except Exception as error:  # noqa: BLE001 - whatever it is, the server polls
        words = str(error) if isinstance(error, LinkLostError) else reason(error)
        return (
            "waiting requests get changes of another process by polling, once a second",
            f"{link.carrier} does not carry signals ({words}). {_HINTS[link.carrier]}",
        )
    return _CARRIED[link.carrier], None


_HINTS: dict[Carrier, str] = {
    "redis": "Check RATE_LIMIT_STORAGE, and that its user may PUBLISH and SUBSCRIBE.",
    "listen": "If DATABASE_URL points to a pooler, set DATABASE_POOLER=transaction.",
}
