"""Why a request has no user."""


class MissingTokenError(Exception):
    """The request carries no bearer token."""


class InvalidTokenError(Exception):
    """The request carries a token that does not hold.

    The message says why, for the log; the client is told the same for every such token.
    """


class InvalidKeySetError(Exception):
    """No JWK Set that can be used is to be had of the issuer; the message says why."""


class KeysUnavailableError(Exception):
    """Not one key of the issuer is known, so its tokens can be neither accepted nor refused."""


class RateLimitedError(Exception):
    """More requests came than are allowed; `seconds` from now there are more."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"for {seconds} seconds")
        self.seconds = seconds


class TooManyInFlightError(Exception):
    """The user has too many requests in flight, or too many bytes of responses unread."""
