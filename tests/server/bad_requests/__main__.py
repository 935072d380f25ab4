"""Print the corpus as a table."""

from tests.server.bad_requests import CORPUS

for each in CORPUS:
    print(f"{each.status}  {each.code:24} {each.name}")  # noqa: T201 - the purpose of the module
