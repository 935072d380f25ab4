"""The handlers of the operations on all data of a user."""

import asyncio

from quart import Blueprint

from quart_contract.binding import blueprint_of

from ..auth.require_user import require_user
from ..database.database import Database
from .errors import NotConfirmedError
from .responses import NoContent
from .schemas import Me
from .store import TaskStore


class MeRoutes:
    """The handlers of the operations on all data of a user.

    A handler sets `erasure_requested` if an erased user still has rows, which a background task
    then deletes.
    """

    def __init__(
        self, database: Database, max_tasks: int, erasure_requested: asyncio.Event
    ) -> None:
        self._database = database
        self._max_tasks = max_tasks
        self._erasure_requested = erasure_requested

    @property
    def blueprint(self) -> Blueprint:
        """A blueprint that registers all handlers."""
        return blueprint_of("me", self.get_me, self.delete_me)

    @require_user
    async def get_me(self, user_id: str) -> Me:
        """Return how much data the user has."""
        store = TaskStore(self._database.session(user_id))
        return await store.summary(self._max_tasks)

    @require_user
    async def delete_me(self, user_id: str, confirm: str) -> NoContent:
        """Erase all data of the user."""
        if confirm != user_id:
            raise NotConfirmedError
        if not await TaskStore(self._database.session(user_id)).erase():
            self._erasure_requested.set()
        return None, 204
