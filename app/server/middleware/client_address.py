"""The address of the client: of whom is connected, or of whom the trusted proxies name."""

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from hypercorn.typing import HTTPScope

_SUBSCRIBER_BITS = 64

# Some proxies write the port behind it: an IPv6 address then stands in brackets.
_ADDRESS = re.compile(r"\[([^]]*)\](?::\d+)?|([\d.]+)(?::\d+)?")


def client_address(scope: HTTPScope, trusted_hops: int) -> str:
    """Answer the address that a client is counted by.

    Each of `trusted_hops` proxies has appended the address that it saw to `X-Forwarded-For`;
    whatever stands before that is the client's own invention. Of IPv6 it is the network of 64
    bits, since a subscriber has the whole of it.
    """
    peer = scope["client"][0] if scope["client"] else ""
    if not trusted_hops:
        return normal_address(peer)
    seen = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
    named = seen.decode("latin-1").split(",")
    if trusted_hops <= len(named):
        return normal_address(named[-trusted_hops]) or normal_address(peer)
    return normal_address(peer)


@lru_cache(maxsize=1024)
def normal_address(text: str) -> str:
    """Return the address of an IPv4 client, or the network of an IPv6 client; empty for neither."""
    written = _ADDRESS.fullmatch(text.strip())
    try:
        address = ip_address((written[1] or written[2]) if written else text.strip())
    except ValueError:
        return ""
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or ip_network((int(address), _SUBSCRIBER_BITS), strict=False))
