"""Compare entity tags (RFC 9110), also in the forms that compressing proxies make of them.

A proxy that compresses a response sends other bytes than the service, so it changes the tag: it
makes it weak (nginx, HAProxy, Varnish, Cloudflare, CloudFront), or adds the coding (`"42-gzip"`:
Apache, Caddy, lighttpd; `"42--gzip"`: Jetty; `"42;gz"`: LiteSpeed). Clients send that form back.
"""

import re

END_OF_TAG = (
    r"(?:(?:--?|[;:+.])(?:x-)?(?:gzip|gz|br|brotli|zstd|deflate|compress|bzip2|dcb|dcz)){0,2}\""
)
"""A pattern for the end of a tag: up to two codings, if two proxies add one each, and a quote."""
_END = re.compile(END_OF_TAG, re.IGNORECASE)


def names_tag(header: str | None, opaque: str) -> bool:
    """Return whether `If-Match` or `If-None-Match` names a tag, in any form, or is `*`.

    `opaque` is the tag without quotes and `W/`, in letters, digits, hyphens and dots.
    """
    if header is None:
        return False
    if header.strip() == "*":
        return True
    start = f'"{opaque}'
    place = header.find(start)
    while place >= 0:
        if _END.match(header, place + len(start)):
            return True
        place = header.find(start, place + 1)
    return False
