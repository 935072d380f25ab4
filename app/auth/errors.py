"""Errors of authentication and of the limits on a user."""


class MissingTokenError(Exception):
    """The request has no bearer token."""


class InvalidTokenError(Exception):
    """The token is invalid, expired or not meant for this service.

    The message gives the reason for the log; the client receives the same response for all reasons.
    """


class InvalidKeySetError(Exception):
    """The issuer returned no usable JWK Set; the message gives the reason."""


class KeysUnavailableError(Exception):
    """No key of the issuer is known, so its tokens can be neither accepted nor rejected."""


class RateLimitedError(Exception):
    """The rate limit is exceeded; the client can retry after `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"for {seconds} seconds")
        self.seconds = seconds


class TooManyInFlightError(Exception):
    """The user has too many requests in flight, or too many bytes of responses unread."""
