"""CPU time of a piece of work, as it would be on an idle machine.

The best of several tries counts, divided by how much slower than usual this machine runs a plain loop at the moment:
one that is throttled, shared, or traced for coverage is no slower by this watch.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable

USUAL = 0.004
"""CPU seconds of the plain loop on the machine that the limits were set on."""


def slowness() -> float:
    """How many times slower than usual Python runs just now; 1 where it is quicker."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        total = 0
        for number in range(100_000):
            total += number
        best = min(best, time.process_time() - start)
    return max(1.0, best / USUAL) * (5.0 if "coverage" in sys.modules else 1.0)


def cpu_seconds(run: Callable[[], object], tries: int = 5) -> float:
    """The CPU seconds of the quickest of several runs."""
    best = float("inf")
    for _ in range(tries):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best / slowness()


async def cpu_seconds_of(run: Callable[[], Awaitable[object]], tries: int = 5) -> float:
    """The CPU seconds of the quickest of several awaited runs."""
    best = float("inf")
    for _ in range(tries):
        start = time.process_time()
        await run()
        best = min(best, time.process_time() - start)
    return best / slowness()
