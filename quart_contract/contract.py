"""The contract of a service: load it, and install it in an app."""

from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Self

from hypercorn.typing import ASGIFramework
from quart import Quart

from quart_contract.binding import ContractDriftError, Schedule, Schemes, bind, find_drifts
from quart_contract.document import Document
from quart_contract.errors import Observe, Problems, render_errors, unknown_codes
from quart_contract.operations import operations
from quart_contract.pages import add_pages, pages_of
from quart_contract.problems import ProblemCatalogue
from quart_contract.response_validation import ResponseValidation

_NO_SCHEMES: Schemes = MappingProxyType({})
_NO_PROBLEMS: Problems = MappingProxyType({})


class Contract:
    """An OpenAPI 3.1 document that an app is bound to.

    A contract does not change after it was made, and can be installed in several apps. In an app,
    it processes each request in this order: the security schemes, `Accept`, the body, the check of
    all parameters and the body, the handler. The first step that fails decides the response. If
    the server cancels a request, the running step is cancelled: no step is shielded.

    Args:
        document: the contract.
        base_path: the path at which a proxy mounts the service, such as `/notes`. The app must have
            it as `root_path` of each request, and its routes are without it.

    Raises `ContractError` if the document contains something that the engine cannot enforce.

    """

    def __init__(self, document: Document, base_path: str = "") -> None:
        self.document = document
        self._base_path = base_path
        self.operations = operations(document)
        """All operations, in the order of the document."""
        self.catalogue = ProblemCatalogue(document, base_path)
        """The problem codes that the document lists, each with its status and title."""

    @classmethod
    def load(cls, path: str | PathLike[str], base_path: str = "") -> Self:
        """Return the contract in a YAML or JSON file.

        Raises:
            OSError: the file cannot be read.
            ContractError: the file is no OpenAPI document, or contains something that the engine
                cannot enforce.

        """
        return cls(Document(Path(path).read_bytes()), base_path)

    @property
    def version(self) -> str:
        """The version in the `info` of the document."""
        return self.document.version

    def validate_responses(self, app: ASGIFramework) -> ResponseValidation:
        """Return an ASGI app that replaces each response that violates the contract with a 500.

        It logs the differences. It holds each response in memory until the response is complete,
        so nothing is streamed: use it in development and tests. Responses that belong to no
        operation pass unchanged.

        Args:
            app: the ASGI app to wrap, such as `app.asgi_app` of a Quart app.

        Raises `ContractError` for a response schema that cannot be compiled.

        """
        return ResponseValidation(app, self.document, self.operations, self.catalogue)

    def install(  # noqa: PLR0913 - one for each thing that a service brings
        self,
        app: Quart,
        *,
        security: Schemes = _NO_SCHEMES,
        problems: Problems = _NO_PROBLEMS,
        codes: frozenset[str] = frozenset(),
        schedule: Schedule | None = None,
        observe: Observe = lambda _: None,
    ) -> None:
        """Bind the handlers of the app's blueprints to the operations, and serve the contract.

        The contract is served at `/openapi.yaml`, `.json`, `.bundled.json`, `/docs`, `/problems`.

        Args:
            app: an app whose blueprints are registered, and which has not served a request yet.
            security: an object for each security scheme that operations name.
            problems: the problem for each exception type that a handler or a scheme raises.
            codes: the codes of the `Problem`s that the service raises itself.
            schedule: decides when the check of a long request runs. By default it runs immediately.
            observe: is called with each problem before it is rendered. It returns the id of the
                request, or None.

        Raises:
            ContractDriftError: the contract and the code differ, with a line for each difference.
            ContractError: a schema of a request cannot be compiled, or a value is not JSON.

        After an error, the app is as it was before.

        """
        drifts = [
            *find_drifts(app, self.document, self.operations, security),
            *unknown_codes(self.catalogue, problems, codes),
        ]
        if drifts:
            raise ContractDriftError("\n".join(drifts))
        pages = pages_of(self.document, self.catalogue, self._base_path)
        bind(app, self.document, self.operations, security, schedule)
        add_pages(app, self.document, pages)
        render_errors(app, self.catalogue, problems, observe)
