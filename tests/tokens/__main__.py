"""Print the corpus: a table, or with --json one line for each token, and the keys to verify it."""

import json
import sys

from tests.tokens import SECRET
from tests.tokens.corpus import GOOD, HOSTILE
from tests.tokens.keys import jwk_set
from tests.tokens.specimen import AUDIENCE, ISSUER, short

if sys.argv[1:] == ["--json"]:
    setting = {"issuer": ISSUER, "audience": AUDIENCE, "secret": SECRET}
    print(json.dumps(setting | json.loads(jwk_set())))  # noqa: T201 - the purpose of the module
    for each in (*HOSTILE, *GOOD):
        print(json.dumps({"holds": each in GOOD, **each._asdict()}))  # noqa: T201
else:
    for specimen in HOSTILE:
        print(f"{specimen.name:64.64}  {specimen.reason:40.40}  {short(specimen.token)}")  # noqa: T201
    for held in GOOD:
        print(f"{held.name:64.64}  {'holds':40}  {short(held.token)}")  # noqa: T201
    print(f"{len(HOSTILE)} that must be refused, {len(GOOD)} that hold")  # noqa: T201
