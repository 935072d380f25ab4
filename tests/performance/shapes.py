"""Bodies as shapes: small descriptions of large JSON texts, made from schemas and mutated."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any, TypeAlias

from app import MAX_BODY_BYTES
from quart_contract import strict_json
from quart_contract.document import Document, Node

WITHOUT_END = 1_000_000
"""Repeat until the body is full."""
NUMBERS = ["0", "1.5", "1e25", "1e308", "2.2250738585072012e-308", "9" * 18, "9" * 30]
LITERALS = [*NUMBERS, "true", "null", '""', '"x"']
CHARACTERS = ["x", "~", "/", "😀", r"\t", r"\"", r"\u00e9", r"\ud83d\ude00"]
LENGTHS = [1, 200, 10_000, MAX_BODY_BYTES]
TIMES = [1, 2, 20, 99, 100, 101, 1000, WITHOUT_END]
_MOST_PARTS = 30
_RESERVE = 400  # room for the closing brackets


@dataclass(frozen=True)
class Literal:
    """The JSON text of a value, or with a `length`, a string of `text` that many times."""

    text: str
    length: int = 0

    def __str__(self) -> str:
        return f'"{self.text}"*{self.length}' if self.length else self.text


@dataclass(frozen=True)
class Array:
    """Items, all of them repeated `times` times."""

    items: tuple["Shape", ...]
    times: int = 1

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.items))}]*{self.times}"


@dataclass(frozen=True)
class Object:
    """Members, and `unknown` further ones that all have the same value."""

    members: tuple[tuple[str, "Shape"], ...]
    unknown: int = 0
    value: "Shape" = Literal("0")

    def __str__(self) -> str:
        members = ", ".join(f"{name}: {member}" for name, member in self.members)
        others = f" + {self.unknown} * {self.value}" if self.unknown else ""
        return f"{{{members}}}{others}"


Shape: TypeAlias = Literal | Array | Object


@dataclass(frozen=True)
class Body:
    """A shape, and the number of values up to which it can grow."""

    shape: Shape
    values: int

    def __str__(self) -> str:
        return f"{self.shape} (up to {self.values} values)"

    @property
    def raw(self) -> bytes:
        """Return the JSON text, which is never larger than a body may be."""
        writer = _Writer(self.values)
        writer.write(self.shape)
        return "".join(writer.pieces).encode()[:MAX_BODY_BYTES]


class _Writer:
    """Writes JSON until there are enough bytes or values."""

    def __init__(self, values: int) -> None:
        self.pieces: list[str] = []
        self._size = 0
        self._values = values

    @property
    def is_full(self) -> bool:
        return self._size > MAX_BODY_BYTES - _RESERVE or self._values < 40

    def write(self, shape: Shape) -> None:
        self._values -= 1
        match shape:
            case Literal(text, length):
                room = max(1, (MAX_BODY_BYTES - _RESERVE - self._size) // len(text.encode()))
                self._put(f'"{text * min(length, room)}"' if length else text)
            case Array():
                self._put("[")
                for index, item in enumerate(self._items(shape)):
                    self._put("," if index else "")
                    self.write(item)
                self._put("]")
            case Object():
                self._put("{")
                for index, (name, member) in enumerate(self._members(shape)):
                    self._put(f"{',' if index else ''}{json.dumps(name)}:")
                    self.write(member)
                self._put("}")

    def _items(self, array: Array) -> Iterator[Shape]:
        for _ in range(array.times if array.items else 0):
            for item in array.items:
                if self.is_full:
                    return
                yield item

    def _members(self, shape: Object) -> Iterator[tuple[str, Shape]]:
        yield from dict(shape.members).items()
        for number in range(shape.unknown):
            if self.is_full:
                return
            yield f"{number:x}", shape.value

    def _put(self, text: str) -> None:
        self.pieces.append(text)
        self._size += len(text) if text.isascii() else len(text.encode())


def shape_of(document: Document, schema: Node, random: Random) -> Shape:
    """Return a valid value of a schema, with a random choice among alternatives."""
    schema = document.resolve(schema)
    if "oneOf" in schema:
        return shape_of(document, random.choice(schema["oneOf"]), random)
    if "properties" in schema:
        members: dict[str, Any] = schema["properties"]
        return Object(
            tuple((name, shape_of(document, each, random)) for name, each in members.items())
        )
    if "items" in schema:
        return Array((shape_of(document, schema["items"], random),))
    return Literal(json.dumps(schema["examples"][0]))


def mutated(body: Body, other: Body, random: Random) -> Body:
    """Change a body in one to three places. Parts of the other body can be inserted."""
    shape = body.shape
    for _ in range(random.randint(1, 3)):
        path = random.choice(list(_paths(shape)))
        changed = _replaced(shape, path, _changed(_at(shape, path), other, random))
        shape = changed if len(list(_paths(changed))) <= _MOST_PARTS else shape
    most = strict_json.MAX_VALUES
    return Body(shape, random.choice([body.values, most, most, most + 100, most // 10]))


def _changed(shape: Shape, other: Body, random: Random) -> Shape:
    def wrapped() -> Shape:
        return Object((("x", shape),))

    changes: list[Callable[[], Shape]] = [
        lambda: _leaf(random),
        lambda: _repeated(_leaf(random), random),
        lambda: _repeated(shape, random),
        wrapped,
        lambda: _at(other.shape, random.choice(list(_paths(other.shape)))),
    ]
    if isinstance(shape, Array):
        changes += [lambda: replace(shape, times=random.choice(TIMES))] * 5
    if isinstance(shape, Object):
        members, unknown = shape.members, random.choice(TIMES)
        changes += [lambda: replace(shape, unknown=unknown, value=_leaf(random))] * 3
        changes += [lambda: replace(shape, members=members[: random.randint(0, len(members))])]
    return random.choice(changes)()


def _repeated(shape: Shape, random: Random) -> Shape:
    return Array((shape,), random.choice(TIMES))


def _leaf(random: Random) -> Shape:
    leaves: list[Shape] = [
        Literal(random.choice(CHARACTERS), random.choice(LENGTHS)),
        Array(()),
        Object(()),
        Literal(random.choice(LITERALS)),
        Literal(random.choice(LITERALS)),
        Literal(random.choice(NUMBERS)),
        Literal(random.choice(NUMBERS)),
    ]
    return random.choice(leaves)


def _paths(shape: Shape, before: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    yield before
    for index, child in enumerate(_children(shape)):
        yield from _paths(child, (*before, index))


def _children(shape: Shape) -> tuple[Shape, ...]:
    match shape:
        case Array(items):
            return items
        case Object(members):
            return tuple(member for _, member in members)
        case _:
            return ()


def _at(shape: Shape, path: tuple[int, ...]) -> Shape:
    for index in path:
        shape = _children(shape)[index]
    return shape


def _replaced(shape: Shape, path: tuple[int, ...], new: Shape) -> Shape:
    if not path:
        return new
    index, *rest = path
    child = _replaced(_children(shape)[index], tuple(rest), new)
    if isinstance(shape, Array):
        return replace(shape, items=(*shape.items[:index], child, *shape.items[index + 1 :]))
    assert isinstance(shape, Object)
    members = list(shape.members)
    members[index] = (members[index][0], child)
    return replace(shape, members=tuple(members))
