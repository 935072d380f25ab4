"""Notes: a second service built on quart_contract, with API keys and without a database.

Run it with `python -m examples.notes.service`.
"""

import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar
from uuid import UUID, uuid4

import msgspec
from quart import Blueprint, Quart, Request, g

from quart_contract import Contract, Problem, ProblemFrom

P = ParamSpec("P")
R = TypeVar("R")

KEYS = {"sesame": "ada", "abracadabra": "bob"}


class NoteInput(msgspec.Struct):
    """The body to write a note."""

    text: str
    labels: list[str] = []


class Note(msgspec.Struct):
    """A stored note."""

    id: UUID
    text: str
    labels: list[str]


class NoteList(msgspec.Struct):
    """Notes, newest first."""

    items: list[Note]


class MissingKeyError(Exception):
    """The request has no valid key."""


class NoteNotFoundError(Exception):
    """The owner has no such note."""

    def __init__(self, id_: UUID) -> None:
        super().__init__(id_)
        self.id = id_


class ApiKey:
    """The contract's security scheme `key`."""

    def protects(self, handler: Callable[..., Any]) -> bool:
        """Return whether a handler is decorated with `@require_owner`."""
        return hasattr(handler, "requires_owner")

    async def authenticate(self, request: Request) -> None:
        """Find the owner of the key. Raises `MissingKeyError` if there is none."""
        g.owner = KEYS.get(request.headers.get("X-Key", ""))
        if g.owner is None:
            raise MissingKeyError


def require_owner(
    handler: Callable[Concatenate[str, P], Awaitable[R]],
) -> Callable[P, Awaitable[R]]:
    """Inject the owner of the request's key as the handler's first argument."""

    @wraps(handler)
    async def decorated(*args: P.args, **kwargs: P.kwargs) -> R:
        return await handler(g.owner, *args, **kwargs)

    signature = inspect.signature(handler)
    _, *others = signature.parameters.values()
    visible = signature.replace(parameters=others)
    vars(decorated).update({"__signature__": visible, "requires_owner": True})
    return decorated


blueprint = Blueprint("notes", __name__)
notes: dict[str, dict[UUID, Note]] = {owner: {} for owner in KEYS.values()}


@blueprint.endpoint("write_note")
@require_owner
async def write_note(owner: str, body: NoteInput) -> tuple[Note, Literal[201], dict[str, str]]:
    """Write a note."""
    note = Note(uuid4(), body.text, body.labels)
    notes[owner][note.id] = note
    return note, 201, {"Location": f"/notes/{note.id}"}


@blueprint.endpoint("list_notes")
@require_owner
async def list_notes(owner: str, label: list[str] | None, limit: int) -> NoteList:
    """List the newest notes."""
    found = [
        note
        for note in reversed(notes[owner].values())
        if label is None or set(label) & set(note.labels)
    ]
    return NoteList(found[:limit])


@blueprint.endpoint("read_note")
@require_owner
async def read_note(owner: str, id: UUID) -> Note:
    """Return a note."""
    if id not in notes[owner]:
        raise NoteNotFoundError(id)
    return notes[owner][id]


@blueprint.endpoint("get_health")
async def get_health() -> tuple[None, Literal[204]]:
    """Respond with 204."""
    return None, 204


def _not_found(error: NoteNotFoundError) -> Problem:
    extensions = {"note": str(error.id)}
    return Problem("note_not_found", "You have no such note.", extensions=extensions)


def create_app() -> Quart:
    """Create the app. Raises `ContractDriftError` if it differs from `openapi.yaml`."""
    app = Quart(__name__)
    app.register_blueprint(blueprint)
    contract = Contract.load(Path(__file__).with_name("openapi.yaml"))
    contract.install(
        app,
        security={"key": ApiKey()},
        problems={
            MissingKeyError: Problem("missing_key", "Send X-Key."),
            NoteNotFoundError: ProblemFrom.code("note_not_found", _not_found),
        },
    )
    app.asgi_app = contract.validate_responses(app.asgi_app)  # type: ignore[method-assign]
    return app


if __name__ == "__main__":
    create_app().run()
