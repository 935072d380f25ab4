"""Cross-origin resource sharing: the pages of other origins that can call the API in a browser.

Only the origin decides, and only an exact match counts. Taskward reads no cookies, so a page can do
nothing without a token. A page whose host name leads to this machine, by DNS rebinding, has neither
an allowed origin nor a token.
"""

from collections.abc import Collection
from http import HTTPStatus

from quart import Quart, Response, request
from quart_cors import cors

from quart_contract import Contract

from ..lasting_event import LastingEvent
from ..origins import LOCAL

_MAX_AGE_SECONDS = 600
_METHODS = "HEAD", "OPTIONS"
"""Methods of every path, which the contract does not list."""
_HEADERS = "Allow", "Date"
"""Headers of responses that the contract does not list. `Date` shows a wrong clock."""
_REASON = "the origin of a page is not in CORS_ORIGINS"
_NETWORK = "Access-Control-Request-Private-Network"


def allow_origins(
    app: Quart, contract: Contract, origins: Collection[str], *, local: bool = False
) -> None:
    """Allow pages of these origins to call the app, and with `local` pages of `LOCAL` origins.

    Log that preflight requests of other pages are rejected.
    """
    rejected = LastingEvent(
        "app.cors", "preflight rejected", "preflight rejections ended", reason=_REASON
    )
    make_response = app.make_default_options_response

    async def make_options_response() -> Response:
        origin = request.origin
        is_allowed = origin in origins or (local and LOCAL.match(origin or ""))
        if origin and request.access_control_request_method and not is_allowed:
            rejected.occurs()
        return await make_response()

    app.make_default_options_response = make_options_response  # type: ignore[method-assign]
    if origins or local:
        app.after_request(_finish_preflight)  # runs after the function that `cors` adds
        cors(
            app,
            allow_origin=[*origins, LOCAL] if local else list(origins),
            # Tools for tracing, monitoring and caching add headers to each call of a page, such as
            # traceparent. Taskward ignores most of them, so a preflight allows all that it lists.
            allow_headers="*",
            allow_methods=sorted({*_METHODS, *(each.method for each in contract.operations)}),
            expose_headers=[*contract.document.tree["components"]["headers"], *_HEADERS],
            max_age=_MAX_AGE_SECONDS,
        )


async def _finish_preflight(response: Response) -> Response:
    """Make the response to an allowed preflight request a success."""
    if response.access_control_allow_methods is None:
        return response
    # A page cannot read an error of its preflight, such as a 404. It reads the error of the request
    # that follows.
    response.status_code = HTTPStatus.NO_CONTENT
    response.set_data(b"")
    if request.headers.get(_NETWORK) == "true":
        # The page is public and the server is not; its origin is allowed wherever the server is.
        response.headers["Access-Control-Allow-Private-Network"] = "true"
    return response
