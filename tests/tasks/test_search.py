"""A search finds the same words on every database, for any case and Unicode normalisation."""

import random
import sys
import unicodedata
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from sqlalchemy import Text, bindparam, select

from app.database.driver.statements import bound, compiled
from app.database.driver.url import DatabaseUrl
from app.database.wall.layout import ONE_POSTGRESQL
from app.tasks.search import TABLES, finds, fold, pattern, patterns
from tests.support.debian_postgres import plain_server

CHARACTERS = [chr(n) for n in range(1, sys.maxunicode + 1) if not 0xD800 <= n <= 0xDFFF]
CHANGED = [
    each for each in CHARACTERS if fold(each) != each or unicodedata.normalize("NFD", each) != each
]
FINDS = """
SELECT text, pattern, text COLLATE "C" ~ pattern AS found
FROM unnest($1::text[], $2::text[]) AS pairs (text, pattern)
"""
FINDS_WORDS = select(finds(bindparam("title", type_=Text), bindparam("description", type_=Text)))
# With two marks in either order, where the order has no meaning.
LETTERS = [*"aAeEiIsSkK. ()\\\\[ßẞſİıΣσςéÉẹạǰ한각가ÅåпП\u212a\u212b"]
LETTERS += [*"\u017fﬀﬁﬃﬅffiitﬗմխև"]
LETTERS += ["e\u0301", "a\u0302\u0323", "\u1ea0\u0302", "J\u030c", "x\u0307\u0323", "ᄀ", "क\u093c"]
ROUNDS = 2_000
WHITE = [each for each in CHARACTERS if each.isspace()]


@pytest.fixture(scope="module")
def oldest() -> Iterator[DatabaseUrl]:
    """Run the PostgreSQL of the machine's own packages."""
    with plain_server() as url:
        yield url


@pytest.fixture(params=["embedded", "C", "C.UTF-8", "und"])
async def connection(
    request: pytest.FixtureRequest, database_url: DatabaseUrl
) -> AsyncIterator[asyncpg.Connection]:
    """Connect to a database with this collation, or to the database of all tests."""
    if request.param == "embedded":
        connection = await asyncpg.connect(**database_url.for_driver)
        yield connection
    else:
        server: DatabaseUrl = request.getfixturevalue("oldest")
        provider = "icu" if request.param == "und" else "libc"
        kind = "icu_locale" if provider == "icu" else "locale"
        more = "LOCALE 'C'" if provider == "icu" else ""
        connection = await asyncpg.connect(**server.for_driver)
        await connection.execute('DROP DATABASE IF EXISTS "prepared"')
        await connection.execute(
            f"CREATE DATABASE prepared TEMPLATE template0 ENCODING UTF8 "
            f"LOCALE_PROVIDER {provider} {kind} '{request.param}' {more}"
        )
        await connection.close()
        connection = await asyncpg.connect(**server.for_driver | {"database": "prepared"})
        yield connection
    await connection.close()


def fully_folded(character: str) -> str:
    """Return the letters of a ligature, or one character that represents all cases."""
    is_ligature = unicodedata.normalize("NFD", character) == character
    folding = character.casefold()
    return folding if is_ligature and len(folding) > 1 else fold(character)


def canonical(text: str) -> str:
    """Return a value that is equal for all cases and spellings of a text."""
    folded = "".join(map(fully_folded, unicodedata.normalize("NFC", text)))
    return unicodedata.normalize("NFC", folded).replace("i\u0307", "i")


async def wrong(
    connection: asyncpg.Connection, pairs: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Return the texts and searches with a wrong result."""
    # PostgreSQL caches only a few compiled patterns.
    pairs = sorted(pairs, key=lambda pair: pattern(pair[1]))
    patterns = [pattern(searched) for _, searched in pairs]
    rows = await connection.fetch(FINDS, [text for text, _ in pairs], patterns)
    return [
        (text, searched)
        for (text, searched), row in zip(pairs, rows, strict=True)
        if row["found"] != (canonical(searched) in canonical(text))
    ]


async def finds_words(
    connection: asyncpg.Connection, title: str, description: str | None, searched: str
) -> bool:
    """Return whether a search finds a task."""
    values = {"title": title, "description": description, "q": patterns(searched)}
    sql, arguments = bound(compiled(FINDS_WORDS, ONE_POSTGRESQL.dialect), "", values)
    return bool(await connection.fetchval(sql, *arguments))


async def test_every_character_is_found_in_all_cases_and_forms(
    connection: asyncpg.Connection,
) -> None:
    forms = [
        {
            each,
            fold(each),
            fully_folded(each),
            *(unicodedata.normalize(form, each) for form in ("NFC", "NFD")),
        }
        for each in CHANGED
        # A mark alone belongs to the letter before it. Hangul has too many syllables to test all.
        if not unicodedata.combining(each) and (ord(each) < 0xAC00 or ord(each) % 97 == 0)
    ]
    pairs = [(text, searched) for each in forms for text in each for searched in each]
    assert len(pairs) > 9_000
    assert await wrong(connection, pairs) == []


async def test_a_text_is_found_where_its_canonical_form_occurs(
    connection: asyncpg.Connection,
) -> None:
    chosen = random.Random(14)  # noqa: S311 - it must be repeatable
    pairs = []
    for _ in range(ROUNDS):
        letters = chosen.choices(LETTERS, k=chosen.randint(1, 8))
        start = chosen.randrange(len(letters))
        searched = "".join(letters[start : start + chosen.randint(1, 4)])
        searched = chosen.choice([searched, searched.swapcase(), canonical(searched)])
        text = unicodedata.normalize(chosen.choice(["NFC", "NFD"]), "".join(letters))
        pairs += [(text, searched), ("".join(letters), searched), (text[:-1], searched)]
    found = [canonical(searched) in canonical(text) for text, searched in pairs]
    assert 0.1 < sum(found) / len(found) < 0.95
    assert await wrong(connection, pairs) == []


async def test_every_word_is_found_in_one_of_two_texts(connection: asyncpg.Connection) -> None:
    chosen = random.Random(16)  # noqa: S311 - it must be repeatable
    found = set[bool]()
    for _ in range(ROUNDS // 10):
        words = [chosen.choices(LETTERS, k=3) for _ in range(6)]
        title, description = text_of(words[:3], chosen), text_of(words[3:5], chosen)
        parts = [each[chosen.randrange(2) :] for each in chosen.sample(words[:5], 2)]
        parts += chosen.choice([[], words[5:], [[each.swapcase() for each in parts[0]]]])
        searched = text_of(parts, chosen)
        texts = [canonical(title), canonical(description)]
        due = all(any(canonical(word) in text for text in texts) for word in searched.split())
        is_found = await finds_words(connection, title, description, searched)
        assert is_found == due, (title, description, searched)
        found.add(due)
    assert found == {True, False}
    assert await finds_words(connection, "x", None, "X x")


def text_of(words: list[list[str]], chosen: random.Random) -> str:
    """Return a text with white space between the words, each a list of letters."""
    text = "".join("".join(letters) + chosen.choice(WHITE) for letters in words)
    return unicodedata.normalize(chosen.choice(["NFC", "NFD"]), text)


async def test_more_words_than_postgresql_caches_are_all_found(
    connection: asyncpg.Connection,
) -> None:
    words = [chr(0x4E00 + number) for number in range(100)]
    for missing, due in ("", True), (words[57], False):
        text = "".join(words).replace(missing, "")
        assert await finds_words(connection, "x", text, " ".join(words)) == due


def test_equal_words_are_searched_for_once() -> None:
    assert len(patterns("milk MILK mi\u006ck \u00e9t\u00e9 E\u0301T\u00c9")) == 2
    assert len(patterns("stra\u00dfe STRASSE Stra\u1e9ee stra\u017fse")) == 1


async def test_letters_are_found_as_ligatures_and_in_them(
    connection: asyncpg.Connection,
) -> None:
    texts = ["Straße", "STRASSE", "STRAẞE", "Flußschiﬀfahrt", "flussschifffahrt", "oﬃce", "ﬅadt"]
    searches = [
        "strasse",
        "ß",
        "s",
        "stras",
        "sse",
        "fluss\u017fchiffahrt",
        "ß" * 100,
        "sch",
        "ffi",
    ]
    searches += ["ﬃ", "fice", "stadt", "tad", "s\u017fs", "FLUẞSCHIFFFAHRT", "flusßchifﬀahrt", "i"]
    pairs = [(text, searched) for text in texts for searched in searches]
    assert await wrong(connection, pairs) == []
    assert canonical("STRASSE") == canonical("straße") == "strasse"


def test_a_pattern_of_many_ligatures_is_short() -> None:
    for searched in ("s" * 200, "ß" * 200, "ffi" * 66, "fﬁ" * 100):
        assert len(pattern(searched)) < 50 * len(searched)


def test_no_other_character_has_another_case_or_spelling() -> None:
    """The ranges of the tables include every character with another case or spelling."""
    cases = {each for found in TABLES.cases.values() for each in found}
    aliases = {each for found in TABLES.aliases.values() for each in found}
    for each in CHARACTERS:
        assert (fold(each) != each) == (each in cases)
        assert (unicodedata.normalize("NFC", each) != each) == (each in aliases)
        decomposed = unicodedata.normalize("NFD", each)
        assert len(decomposed) == 1 or decomposed[-1] in TABLES.marks
        assert fold(fold(each)) == fold(each)
        assert (fully_folded(each) != fold(each)) == (each in TABLES.foldings)
