"""Why a request has no user."""


class MissingTokenError(Exception):
    """The request carries no bearer token."""


class InvalidTokenError(Exception):
    """The request carries a token that does not hold.

    The message says why, for the log; the client is told the same for every such token.
    """
