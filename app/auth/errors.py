"""Errors of authentication and of the limits on a user."""

from enum import StrEnum


class MissingTokenError(Exception):
    """The request has no bearer token."""


class Reason(StrEnum):
    """Why a token is rejected: for the log and the metrics, never for the client."""

    SCHEME = "scheme"
    NOT_A_JWT = "not_a_jwt"
    ENCRYPTED = "encrypted"
    MALFORMED = "malformed"
    HEADER = "header"
    ALGORITHM = "algorithm"
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE = "signature"
    # The signature is valid from here on.
    CLAIMS = "claims"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    REQUIRED_CLAIM = "required_claim"
    USER = "user"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"


class InvalidTokenError(Exception):
    """The token is invalid, expired or not meant for this service.

    The message gives the reason in words, for the log. It quotes claims only if the signature is
    valid. The client receives the same response for all reasons.
    """

    def __init__(self, reason: Reason, words: str) -> None:
        super().__init__(words)
        self.reason = reason


class OtherSchemeError(MissingTokenError, InvalidTokenError):
    """The Authorization header has no bearer token: for the client, the token is missing."""

    def __init__(self) -> None:
        InvalidTokenError.__init__(
            self, Reason.SCHEME, "the Authorization header does not begin with Bearer and a space"
        )


class UntimelyTokenError(InvalidTokenError):
    """A valid token, `seconds` before or after its time.

    `age` is the number of seconds since its issue, if it names that. The message has no number, so
    that it is the same for all such tokens.
    """

    def __init__(
        self, reason: Reason, words: str, seconds: float, age: float | None = None
    ) -> None:
        super().__init__(reason, words)
        self.seconds = seconds
        self.age = seconds if age is None else age


class InvalidKeySetError(Exception):
    """The issuer returned no usable JWK Set; the message gives the reason."""


class OtherIssuerError(InvalidKeySetError):
    """A discovery document names another issuer than the settings."""


class KeysUnavailableError(Exception):
    """No key of the issuer is known, so its tokens can be neither accepted nor rejected."""


class RateLimitedError(Exception):
    """The rate limit is exceeded; the client can retry after `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"for {seconds} seconds")
        self.seconds = seconds


class TooManyInFlightError(Exception):
    """The user has too many requests in flight, or too many bytes of responses unread."""
