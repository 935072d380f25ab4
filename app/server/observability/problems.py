"""Record the problems of responses, for logs and metrics."""

import msgspec
from quart import request

from quart_contract import Problem
from quart_contract.problems import ProblemCatalogue

from ...auth.request_state import STATE, RequestState
from .rejections import Rejections


class ObservedProblems:
    """Records each problem in the state of its request, and logs those that limits cause."""

    def __init__(self, catalogue: ProblemCatalogue) -> None:
        self._catalogue = catalogue
        self._rejections = Rejections()

    def observe(self, problem: Problem) -> str:
        """Record the problem that is the response. Return the id of the request."""
        state = _state()
        state.problem = problem.code
        self._rejections.observe(problem, state)
        return state.request_id

    def describe(self, problem: Problem) -> tuple[int, msgspec.Raw]:
        """Record a problem that is a part of the response. Return its status and its document."""
        state = _state()
        state.inner_problems.add(problem.code)
        self._rejections.observe(problem, state)
        document = self._catalogue.render(problem, path=request.path, request_id=state.request_id)
        return self._catalogue.status(problem), msgspec.Raw(document)


def _state() -> RequestState:
    state: RequestState = request.scope["state"][STATE]
    return state
