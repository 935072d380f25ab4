"""Where an issuer publishes its keys: at a known address, or at one that discovery finds."""

import asyncio
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from quart_contract.strict_json import MalformedJsonError, parse

from . import fetching
from .errors import InvalidKeySetError, OtherIssuerError
from .fetching import Fetched, fetch
from .quoting import quoted

WELL_KNOWN = "/.well-known/openid-configuration"


class KeySource(Protocol):
    """A place from which the keys of an issuer are fetched."""

    @property
    def url(self) -> str:
        """The address that is fetched first, without secrets."""

    async def fetch(self) -> Fetched:
        """Fetch the JWK Set. Raises `InvalidKeySetError`."""


class KeyAddress(NamedTuple):
    """The address of the keys, `JWKS_URL`."""

    address: str

    async def fetch(self) -> Fetched:
        """Fetch the JWK Set. Raises `InvalidKeySetError`."""
        return await fetch(self.address)

    @property
    def url(self) -> str:
        """The address without a password, if it has one."""
        parts = urlsplit(self.address)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


class Discovery(NamedTuple):
    """An issuer whose discovery document has the address (OpenID Connect Discovery 1.0)."""

    issuer: str

    async def fetch(self) -> Fetched:
        """Fetch the document and then the JWK Set. Raises `InvalidKeySetError`."""
        try:
            async with asyncio.timeout(fetching.FETCH_SECONDS):
                address = await self.key_address()
                try:
                    return await fetch(address)
                except InvalidKeySetError as error:
                    raise InvalidKeySetError(f"{address}: {error}") from None
        except TimeoutError:
            raise InvalidKeySetError(f"took more than {fetching.FETCH_SECONDS} seconds") from None

    @property
    def url(self) -> str:
        """The address of the document. A slash at the end of the issuer is left out of it."""
        return self.issuer.removesuffix("/") + WELL_KNOWN

    async def key_address(self) -> str:
        """Fetch the document and return `jwks_uri`. Raises `InvalidKeySetError`."""
        if not _is_safe(self.url, self.issuer):
            raise InvalidKeySetError(f"JWT_ISSUER {quoted(self.issuer)} is not a valid URL")
        try:
            document = (await fetch(self.url)).document
        except InvalidKeySetError as error:
            raise InvalidKeySetError(f"{self.url}: {error}") from None
        return self.key_address_in(document)

    def key_address_in(self, document: bytes) -> str:
        """Return `jwks_uri` of a document. Raises `InvalidKeySetError` if it cannot be trusted."""
        try:
            tree = parse(document)
        except MalformedJsonError as error:
            raise InvalidKeySetError(f"{self.url}: not JSON: {error}") from None
        if not isinstance(tree, dict):
            raise InvalidKeySetError(f"{self.url}: not a discovery document")
        issuer, address = tree.get("issuer"), tree.get("jwks_uri")
        if issuer != self.issuer:  # section 4.3: they must be identical
            raise OtherIssuerError(
                f"JWT_ISSUER is {quoted(self.issuer)}, but its discovery document names the issuer "
                f"{quoted(issuer)}. Set JWT_ISSUER to exactly that, if it is yours"
            )
        if not isinstance(address, str) or not _is_safe(address, self.issuer):
            raise InvalidKeySetError(
                f"{self.url}: its jwks_uri {quoted(address)} is not an https address"
            )
        return address


def _is_safe(address: str, issuer: str) -> bool:
    """Return whether documents may be fetched from an address: in plain HTTP only as the issuer."""
    schemes = {"https", "http"} if issuer.startswith("http://") else {"https"}
    try:
        parts = urlsplit(address)
        has_port = parts.port != 0
    except ValueError:  # of the address, or of its port
        return False
    is_plain = address.isprintable() and has_port and parts.username is None
    return parts.scheme in schemes and bool(parts.hostname) and is_plain
