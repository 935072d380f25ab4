"""The location of the contract: beside the package in a checkout, inside it in a wheel."""

from pathlib import Path

from quart_contract.document import ContractError, Document


def read() -> Document:
    """Read `openapi.yaml`. Raises `ContractError` if it does not exist."""
    package = Path(__file__).parent
    for folder in (package, package.parent):
        path = folder / "openapi.yaml"
        if path.is_file():
            return Document(path.read_bytes())
    raise ContractError(f"there is no openapi.yaml in {package} or above it")
