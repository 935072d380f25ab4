"""Search words independently of case and Unicode normalisation, equally on every database.

PostgreSQL's case rules depend on the collation of the database, and no collation with rules for
more than ASCII exists in every PostgreSQL 15 and newer. So Python writes all spellings of each
searched word into a regular expression of plain characters: "bé" becomes
`[Bb](?:[eE]\u0301|[Éé])`. PostgreSQL reads a text once for each word, up to the first word that
it does not contain.

A character such as "ß" is equal to the letters of its full case folding, "ss" (Unicode, section
3.13).
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from itertools import chain, permutations
from typing import NamedTuple, TypeAlias

from sqlalchemy import ARRAY, ColumnElement, Text, all_, bindparam, collate, false, func

_Foldings: TypeAlias = list[list[tuple[int, str]]]
"""For each letter, the regular expressions that match it and those up to an index."""

_PATTERNS = bindparam("q", type_=ARRAY(Text))
_SEPARATOR = "\n"
"""Between the texts of two columns. No word contains it, so no word is found across columns."""

_RANGES = (
    range(0x30FF),
    range(0xA640, 0xABC0),
    range(0xAC00, 0xAC1C),  # Hangul: each vowel and each final consonant once
    range(0xAC1C, 0xAE4C, 28),
    range(0xF900, 0xFB50),
    range(0xFF21, 0xFF3B),
    range(0x10400, 0x105C0),
    range(0x10C80, 0x10CB3),
    range(0x11080, 0x11940),
    range(0x16E40, 0x16E60),
    range(0x1D15E, 0x1D1C1),
    range(0x1E900, 0x1E922),
    range(0x2F800, 0x2FA1E),
)
"""Ranges with characters that have another case or spelling. A test checks all other characters."""
_HANGUL = [chr(number) for number in range(0x1100, 0x1113)]
"""The initial consonants. The ranges have only the syllables of the first one."""
_LETTERS_KEPT = 512
"""How many letters each cache keeps."""
_DOTTED = "\u0130", "i\u0307"
"""The capital of the Turkish i, and the lower case that some programs make of it."""
_MOST_FOLDED = 4
"""A folding is found within so many letters: of "ssssss", no "ß" is the fourth and the fifth."""
_MOST_MARKS = 2
"""A letter with more marks is found only with its marks in the order of NFC or NFD."""


def finds(required: ColumnElement[str], optional: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that each pattern of the parameter `q` matches one of two columns.

    The second column can be null.
    """
    texts = required + func.coalesce(_SEPARATOR + optional, "")
    # The collation C compares code points, and exists in every database. One condition for all
    # words converts less than one for each word and column, and is one statement.
    found = collate(texts, "C").bool_op("~")(all_(_PATTERNS))
    # PostgreSQL would expect a match in almost no row, and read and sort all of them. Inside of
    # COALESCE it expects one in every second row, and walks the index until the page is full.
    return func.coalesce(found, false())


def words(searched: str | None) -> str | None:
    """Return the words of a text with single spaces between them, or None if there are none.

    White space is that of Unicode.
    """
    return " ".join((searched or "").split()) or None


def patterns(searched: str) -> list[str]:
    """Return the `pattern` of each word of a text. Equal words, in any case, have one."""
    return list(dict.fromkeys(map(pattern, searched.split())))


def pattern(word: str) -> str:
    """Return a regular expression, in PostgreSQL's syntax, that finds a word."""
    normal = unicodedata.normalize("NFC", word)
    for each in _DOTTED:
        normal = normal.replace(each, "i")
    letters = [part for letter in _letters(normal) for part in _unfolded(letter)]
    end = _end(fold(letters[-1][0]) + letters[-1][1:]) if letters else ""
    return _sequence(letters, _foldings(letters)) + end


def fold(character: str) -> str:
    """Return the one character that represents all cases of a character."""
    for folded in (character.casefold(), character.lower()):
        if len(folded) == 1:
            return folded
    return character.lower()[0]  # U+0130, the capital I with a dot


def _letters(text: str) -> Iterator[str]:
    """Yield each character with the marks that follow it."""
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or not (unicodedata.combining(text[end]) or text[end] in TABLES.marks):
            yield text[start:end]
            start = end


def _unfolded(letter: str) -> Iterator[str]:
    """Yield a letter, or those of its folding. The marks belong to the last one."""
    folding = TABLES.foldings.get(letter[0], letter[0])
    yield from folding[:-1]
    yield folding[-1] + letter[1:]


def _foldings(letters: Sequence[str]) -> _Foldings:
    """Return the characters whose foldings are, or overlap at an end with, some of the letters."""
    plain = "".join(fold(each) if len(each) == 1 else _SEPARATOR for each in letters)
    found: _Foldings = [[] for _ in letters]
    for folding, characters in TABLES.folded.items():
        if folding[0] in plain or folding[-1] in plain:
            for offset in range(1 - len(folding), len(plain)):
                start, stop = max(offset, 0), min(offset + len(folding), len(plain))
                if plain[start:stop] == folding[start - offset : stop - offset]:
                    found[start].append((stop, characters))
    return found


def _sequence(letters: Sequence[str], foldings: _Foldings) -> str:
    """Return a regular expression of some letters, each alone or as part of a folding."""
    whole, start = "", 0
    while start < len(letters):
        # The expression grows with the ways to write a part, so a part ends as soon as possible.
        stop = index = start + 1
        while index <= stop:
            ends = (end for end, _ in foldings[index - 1])
            stop, index = min(max(stop, *ends, 0), start + _MOST_FOLDED), index + 1
        rest = {stop: ""}
        for index in reversed(range(start, stop)):
            found = [_alternatives(letters[index]) + rest[index + 1]]
            found += [each + rest[end] for end, each in foldings[index] if end <= stop]
            rest[index] = _any_of(found)
        whole, start = whole + rest[start], stop
    return whole


@lru_cache(_LETTERS_KEPT)
def _alternatives(letter: str) -> str:
    """Return a regular expression of all spellings of a letter, in all cases."""
    heads: defaultdict[str, set[str]] = defaultdict(set)
    for spelling in {each for case in _cases(letter) for each in _spellings(case)}:
        heads[spelling[1:]].add(spelling[0])
    found = [_one_of(heads[marks]) + marks for marks in sorted(heads)]
    return _any_of(found)


@lru_cache(_LETTERS_KEPT)
def _end(letter: str) -> str:
    """Return a constraint: no mark may follow that would turn this letter into another one."""
    base = unicodedata.normalize("NFD", letter)[0]
    composing = TABLES.composing.get(_HANGUL[0] if base in _HANGUL else base, ())
    last = unicodedata.combining(letter[-1])
    makes_another = {
        mark
        for mark in TABLES.marks
        # Normalisation moves such a mark in front of the last mark of the letter.
        if 0 < unicodedata.combining(mark) < last
        or (
            mark in composing and not unicodedata.normalize("NFC", letter + mark).startswith(letter)
        )
    }
    return f"(?![\u0300-\u036f]*{_one_of(makes_another)})" if makes_another else ""


def _cases(letter: str) -> set[str]:
    composed, decomposed = letter, unicodedata.normalize("NFD", letter)
    dotted = _DOTTED if letter in {"i", "I"} else ()
    return set(dotted) | {
        case + form[1:]
        for form in (composed, decomposed)
        for case in (fold(form[0]), *TABLES.cases.get(fold(form[0]), ()))
    }


def _spellings(letter: str) -> Iterator[str]:
    """Yield the texts that are canonically equivalent to a letter (Unicode, UAX 15)."""
    decomposed = unicodedata.normalize("NFD", letter)
    base, marks = decomposed[0], decomposed[1:]
    yield unicodedata.normalize("NFC", letter)
    for order in permutations(marks) if len(marks) <= _MOST_MARKS else [tuple(marks)]:
        text = base + "".join(order)
        if unicodedata.normalize("NFD", text) != decomposed:
            continue
        for end in range(1, len(text) + 1):
            head, rest = unicodedata.normalize("NFC", text[:end]), text[end:]
            if len(head) == 1:
                yield head + rest
            yield from (alias + rest for alias in TABLES.aliases.get(head, ()))


def _any_of(expressions: Sequence[str]) -> str:
    return expressions[0] if len(expressions) == 1 else f"(?:{'|'.join(expressions)})"


def _one_of(characters: Iterable[str]) -> str:
    escaped = [re.sub(r"[!-/:-@\[-`{-~]", r"\\\g<0>", each) for each in sorted(characters)]
    return escaped[0] if len(escaped) == 1 else f"[{''.join(escaped)}]"


class _Tables(NamedTuple):
    """Python's Unicode tables, most of them inverted."""

    cases: Mapping[str, list[str]]
    """The characters that `fold` changes, by its result."""
    aliases: Mapping[str, list[str]]
    """The characters that NFC replaces, by their replacement."""
    marks: AbstractSet[str]
    """The marks that compose with the character before them."""
    composing: Mapping[str, AbstractSet[str]]
    """The same marks, by the first character of the decomposition."""
    foldings: Mapping[str, str]
    """The foldings that have several characters, and are not the decomposition of their own one."""
    folded: Mapping[str, str]
    """A regular expression of the characters with such a folding, by their folding."""


def _tables() -> _Tables:
    cases, aliases = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    composing, folded = defaultdict[str, set[str]](set), defaultdict[str, list[str]](list)
    for character in map(chr, chain.from_iterable(_RANGES)):
        if (lower := fold(character)) != character:
            cases[lower].append(character)
        if (decomposed := unicodedata.normalize("NFD", character)) != character:
            if (composed := unicodedata.normalize("NFC", character)) != character:
                aliases[composed].append(character)
            if len(decomposed) > 1:
                composing[decomposed[0]].update(decomposed[1:])
        elif len(folding := character.casefold()) > 1:
            folded[folding].append(character)
    marks = set().union(*composing.values())
    foldings = {each: folding for folding, found in folded.items() for each in found}
    expressions = {folding: _one_of(found) for folding, found in folded.items()}
    return _Tables(cases, aliases, marks, composing, foldings, expressions)


TABLES = _tables()
