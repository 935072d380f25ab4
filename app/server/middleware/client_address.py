"""The address of the client: that of the connection, or the one that a trusted proxy reports."""

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from hypercorn.typing import HTTPScope

_SUBSCRIBER_BITS = 64

# Some proxies append the port. An IPv6 address is then in brackets.
_ADDRESS = re.compile(r"\[([^]]*)\](?::\d+)?|([\d.]+)(?::\d+)?")


def client_address(scope: HTTPScope, trusted_hops: int) -> str:
    """Return the address by which limits count a client, or "" if there is none.

    Each of `trusted_hops` proxies appends the address of its peer to `X-Forwarded-For`. Earlier
    entries come from the client and are not trusted. For IPv6 the result is the /64 network,
    because one subscriber controls all of it.
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
    """Return the address of an IPv4 client, the /64 network of an IPv6 client, or ""."""
    written = _ADDRESS.fullmatch(text.strip())
    try:
        address = ip_address((written[1] or written[2]) if written else text.strip())
    except ValueError:
        return ""
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or ip_network((int(address), _SUBSCRIBER_BITS), strict=False))
