"""Users whose ids resemble each other, or something that is not an id."""

LONGEST = 255


def hostile_users(nonce: str) -> list[str]:
    """Return ids that a token may have, with the most similar next to each other.

    `nonce` keeps the users of one run apart from all others.
    """
    return [
        # Case, width and normal forms, which a collation or `lower()` could treat as equal.
        f"ada-{nonce}",
        f"Ada-{nonce}",
        f"ADA-{nonce.upper()}",
        f"\uff41da-{nonce}",
        f"\u00e9{nonce}",
        f"e\u0301{nonce}",
        f"stra\u00dfe-{nonce}",
        f"strasse-{nonce}",
        # One is a prefix of another, or is a pattern that matches another.
        f"ada-{nonce}0",
        f"ada-{nonce} 0",
        f"ad_-{nonce}",
        f"ad%-{nonce}",
        "%" + nonce,
        # Characters that end a literal, a statement or a setting, where text becomes SQL.
        f"o'{nonce}",
        f'o"{nonce}',
        f"{nonce}'; DROP TABLE tasks; --",
        f"$${nonce}$$",
        f"{nonce}\\",
        f"{nonce}\\'; --",
        f"{nonce}:None4:None",
        # Outside of the Latin alphabet, and from right to left.
        f"\U0001f99c{nonce}",
        f"\U0001f99c\u200d\u2b1b{nonce}",
        f"\u0645\u0633\u062a\u062e\u062f\u0645{nonce}",
        f"\u202e{nonce}",
        # The longest ids, and the same without the last character.
        nonce.ljust(LONGEST, "x"),
        nonce.ljust(LONGEST - 1, "x"),
        nonce.ljust(LONGEST, "\U0001f99c"),
    ]
