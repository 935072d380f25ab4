"""The contract of a service, and how it is installed in an app."""

from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Self

from hypercorn.typing import ASGIFramework
from quart import Quart

from quart_contract.binding import ContractDriftError, Schedule, Schemes, bind
from quart_contract.document import Document
from quart_contract.errors import Observe, Problems, render_errors, unknown_codes
from quart_contract.operations import operations
from quart_contract.pages import ContractPages
from quart_contract.problems import ProblemCatalogue
from quart_contract.response_validation import ResponseValidation

_NO_SCHEMES: Schemes = MappingProxyType({})
_NO_PROBLEMS: Problems = MappingProxyType({})


class Contract:
    """An OpenAPI 3.1 document that an app is bound to.

    Raises `ContractError` where it says what the engine cannot enforce.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.operations = operations(document)
        """All operations, in the order of the document."""
        self.catalogue = ProblemCatalogue(document)
        """The problems that the document lists."""

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a contract in YAML or JSON. Raises `OSError` and `ContractError`."""
        return cls(Document(Path(path).read_bytes()))

    @property
    def version(self) -> str:
        """The version in the document's `info`."""
        return self.document.version

    def validate_responses(self, app: ASGIFramework) -> ResponseValidation:
        """Return an ASGI app that replaces each response that violates the contract by a 500.

        The differences are logged. For development and tests: see README.md for what it costs.
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

        Args:
            app: an app whose blueprints are registered, and which has served no request.
            security: an object for each security scheme that operations name.
            problems: for each exception that a handler or a scheme raises, its problem.
            codes: the codes of the `Problem`s that the service raises itself.
            schedule: calls the check of a request when it is its turn; by default at once.
            observe: is called with each problem, and returns the request's id, if it has one.

        Raises `ContractDriftError` with a line for each difference between the contract and the
        code.

        """
        drifts = list(unknown_codes(self.catalogue, problems, codes))
        ContractPages(app, self.document, self.catalogue)
        try:
            bind(app, self.document, self.operations, security, schedule)
        except ContractDriftError as error:
            drifts.insert(0, str(error))
        if drifts:
            raise ContractDriftError("\n".join(drifts))
        render_errors(app, self.catalogue, problems, observe)
