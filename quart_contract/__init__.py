"""An OpenAPI 3.1 document drives the routes, request checks and problems of a Quart app.

`Contract` is the entry point: load a document, then install it in an app.
"""

from quart_contract.binding import ContractDriftError
from quart_contract.contract import Contract
from quart_contract.document import ContractError
from quart_contract.errors import ProblemFrom
from quart_contract.problems import Problem
from quart_contract.security import SecurityScheme
from quart_contract.violations import Violation

__all__ = [
    "Contract",
    "ContractDriftError",
    "ContractError",
    "Problem",
    "ProblemFrom",
    "SecurityScheme",
    "Violation",
]
