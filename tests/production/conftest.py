"""These tests take minutes, so only `make production` collects them."""

import os

collect_ignore_glob = [] if "TASKWARD_PRODUCTION" in os.environ else ["*"]
