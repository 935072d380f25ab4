"""Problem documents match the contract, for every path."""

import json
from urllib.parse import unquote

import jsonschema_rs
from hypothesis import given
from hypothesis import strategies as st

from app.openapi import read
from quart_contract.problems import Problem, ProblemCatalogue

CONTRACT = read()
CATALOGUE = ProblemCatalogue(CONTRACT)
VALIDATOR = jsonschema_rs.Draft202012Validator(
    CONTRACT.schema({"$ref": "#/components/schemas/Problem"}), validate_formats=True
)


@given(st.sampled_from(list(CATALOGUE.kinds)), st.text().map(lambda text: f"/{text}"))
def test_every_problem_at_every_path_fits_the_contract(code: str, path: str) -> None:
    problem = Problem(code, "A detail.")
    document = json.loads(CATALOGUE.render(problem, path=path, request_id="r1"))
    VALIDATOR.validate(document)
    assert unquote(document["instance"]) == path
    assert document["status"] == CATALOGUE.status(problem)
