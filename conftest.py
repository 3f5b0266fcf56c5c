"""What holds for every test: hypothesis has no deadline, and in CI it tries the same examples each time."""

from __future__ import annotations

import os
from contextlib import suppress

with suppress(ImportError):  # the examples and snippets run without it
    from hypothesis import settings

    settings.register_profile("local", deadline=None)
    settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
    settings.load_profile("ci" if os.environ.get("CI") else "local")
