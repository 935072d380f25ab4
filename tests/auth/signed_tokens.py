"""Tokens of an issuer that publishes its keys."""

from app.auth.expected import Expected
from app.auth.tokens import TokenVerifier
from quart_contract.strict_json import JsonValue
from tests.support.keys import sign_with_key
from tests.support.tokens import ISSUER, claims_for

EXPECTED = Expected((ISSUER["iss"],), (ISSUER["aud"],))
"""What a server expects of these tokens."""


async def user_of(verifier: TokenVerifier, token: str) -> str:
    """Return the user of a token, as a request does: remembered or verified."""
    return verifier.remembered(token) or await verifier.verify(token)


def signed_token(algorithm: str = "EdDSA", generation: int = 1, **headers: JsonValue) -> str:
    """Return a token of the issuer for ada."""
    return sign_with_key(claims_for("ada", **ISSUER), algorithm, generation, **headers)
