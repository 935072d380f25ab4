"""The codes of the problems that the server raises outside the contract's operations."""

HEADER_FIELDS_TOO_LARGE = "header_fields_too_large"
MALFORMED_REQUEST = "malformed_request"
NOT_READY = "not_ready"
PATH_NOT_FOUND = "path_not_found"
URI_TOO_LONG = "uri_too_long"

CODES = frozenset(
    {HEADER_FIELDS_TOO_LARGE, MALFORMED_REQUEST, NOT_READY, PATH_NOT_FOUND, URI_TOO_LONG}
)
