"""Paths of the contract as routes of Werkzeug: a concrete path wins over a template."""

import re
from collections.abc import Iterable

from werkzeug.routing import BaseConverter, Map

_PARAMETER = re.compile(r"\{(\w+)\}")


class Segment(BaseConverter):
    """A segment of a path that is none of those which concrete paths have in its place.

    Werkzeug alone would try the template for every method that the concrete path does not have.
    """

    NAME = "segment"

    def __init__(self, url_map: Map, *taken: str) -> None:
        super().__init__(url_map)
        self.regex = "".join(rf"(?!{re.escape(each)}\Z)" for each in taken) + "[^/]+"


def route(path: str, paths: Iterable[str]) -> str:
    """The route of a path among all `paths`: `/tasks/<segment("batch"):id>`."""
    template = re.compile(_PARAMETER.sub("([^/]+)", path))
    matches = [template.fullmatch(each) for each in paths if "{" not in each]
    taken = [f'"{match[1]}"' for match in matches if match and match.groups()]
    arguments = f"({','.join(taken)})" if taken else ""
    return _PARAMETER.sub(rf"<{Segment.NAME}{arguments}:\1>", path)
