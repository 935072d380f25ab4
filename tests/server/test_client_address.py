"""The address by which a client is counted."""

import pytest
from hypercorn.typing import HTTPScope

from app.server.middleware.client_address import client_address


def scope(peer: str | None, *forwarded: str) -> HTTPScope:
    """Return the parts of a scope from which the address is taken."""
    made: dict[str, object] = {
        "client": (peer, 1234) if peer else None,
        "headers": [(b"x-forwarded-for", value.encode()) for value in forwarded],
    }
    return made  # type: ignore[return-value]  # all that is read of it


@pytest.mark.parametrize(
    ("hops", "forwarded", "address"),
    [
        (0, [], "192.0.2.1"),
        (0, ["203.0.113.9"], "192.0.2.1"),
        (1, [], "192.0.2.1"),
        (1, ["203.0.113.9"], "203.0.113.9"),
        (1, ["10.0.0.1, 203.0.113.9"], "203.0.113.9"),
        (1, ["10.0.0.1", "203.0.113.9"], "203.0.113.9"),
        (2, ["10.0.0.1, 203.0.113.9, 198.51.100.1"], "203.0.113.9"),
        (2, ["203.0.113.9"], "192.0.2.1"),
        (1, ["unknown"], "192.0.2.1"),
        (1, [""], "192.0.2.1"),
        (1, ["\u00b9.2.3.4"], "192.0.2.1"),
        (1, ["2001:db8:1:2:3:4:5:6"], "2001:db8:1:2::/64"),
        (1, ["[2001:db8:1:2:ffff::1]"], "2001:db8:1:2::/64"),
        (1, ["::ffff:203.0.113.9"], "203.0.113.9"),
        (1, ["203.0.113.9:4711"], "203.0.113.9"),
        (1, ["[2001:db8:1:2:ffff::1]:4711"], "2001:db8:1:2::/64"),
        (1, ["203.0.113.9:x"], "192.0.2.1"),
    ],
)
def test_only_what_trusted_proxies_append_is_believed(
    hops: int, forwarded: list[str], address: str
) -> None:
    assert client_address(scope("192.0.2.1", *forwarded), hops) == address


def test_a_client_without_an_address_counts_as_one() -> None:
    assert client_address(scope(None), 0) == ""
