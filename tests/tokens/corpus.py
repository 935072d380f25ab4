"""The whole corpus: hostile and good tokens."""

from itertools import chain

from tests.tokens import claims, confusion, forms, good, headers, payloads, signatures

HOSTILE = tuple(
    chain.from_iterable(
        theme.specimens() for theme in (claims, payloads, headers, confusion, signatures, forms)
    )
)
GOOD = tuple(good.tokens())
