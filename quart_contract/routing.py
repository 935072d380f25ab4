"""Convert paths of the contract to routes of Werkzeug. A concrete path wins over a template."""

import re
from collections.abc import Iterable

from werkzeug.routing import BaseConverter, Map

_PARAMETER = re.compile(r"\{(\w+)\}")


class Segment(BaseConverter):
    """A path parameter that does not match the segments of concrete paths in the same position.

    Without this converter, a request to `/tasks/batch` with a method that only `/tasks/{id}` has
    would reach the template: Werkzeug tries every rule that has the method.
    """

    NAME = "segment"

    def __init__(self, url_map: Map, *taken: str) -> None:
        super().__init__(url_map)
        self.regex = "".join(rf"(?!{re.escape(each)}\Z)" for each in taken) + "[^/]+"


def route(path: str, paths: Iterable[str]) -> str:
    """Return the route of a path among all `paths`, such as `/tasks/<segment("batch"):id>`."""
    template = re.compile(_PARAMETER.sub("([^/]+)", path))
    matches = [template.fullmatch(each) for each in paths if "{" not in each]
    taken = [f'"{match[1]}"' for match in matches if match and match.groups()]
    arguments = f"({','.join(taken)})" if taken else ""
    return _PARAMETER.sub(rf"<{Segment.NAME}{arguments}:\1>", path)
