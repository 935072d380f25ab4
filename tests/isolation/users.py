"""Users whose ids are easily taken for one another, or for something else."""

LONGEST = 255


def hostile_users(nonce: str) -> list[str]:
    """Ids that a token may name, the most alike side by side.

    `nonce` keeps the users of one run apart from all others.
    """
    return [
        # Case, width and normal forms: a collation or `lower()` could fold them together.
        f"ada-{nonce}",
        f"Ada-{nonce}",
        f"ADA-{nonce.upper()}",
        f"\uff41da-{nonce}",
        f"\u00e9{nonce}",
        f"e\u0301{nonce}",
        f"stra\u00dfe-{nonce}",
        f"strasse-{nonce}",
        # One begins with the other, or is what a pattern of the other would find.
        f"ada-{nonce}0",
        f"ada-{nonce} 0",
        f"ad_-{nonce}",
        f"ad%-{nonce}",
        "%" + nonce,
        # What ends a literal, a statement or a setting, where text becomes SQL.
        f"o'{nonce}",
        f'o"{nonce}',
        f"{nonce}'; DROP TABLE tasks; --",
        f"$${nonce}$$",
        f"{nonce}\\",
        f"{nonce}\\'; --",
        f"{nonce}:None4:None",
        # Beyond the alphabet, and from right to left.
        f"\U0001f99c{nonce}",
        f"\U0001f99c\u200d\u2b1b{nonce}",
        f"\u0645\u0633\u062a\u062e\u062f\u0645{nonce}",
        f"\u202e{nonce}",
        # As long as an id may be, and the same without its last character.
        nonce.ljust(LONGEST, "x"),
        nonce.ljust(LONGEST - 1, "x"),
        nonce.ljust(LONGEST, "\U0001f99c"),
    ]
