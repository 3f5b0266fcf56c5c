"""CPU time of a piece of work: the best of several tries, so that what else the machine does doesn't count."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


def cpu_seconds(run: Callable[[], object], tries: int = 5) -> float:
    """The CPU seconds of the quickest of several runs."""
    best = float("inf")
    for _ in range(tries):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best


async def cpu_seconds_of(run: Callable[[], Awaitable[object]], tries: int = 5) -> float:
    """The CPU seconds of the quickest of several awaited runs."""
    best = float("inf")
    for _ in range(tries):
        start = time.process_time()
        await run()
        best = min(best, time.process_time() - start)
    return best


async def longest_pause(work: Awaitable[object]) -> float:
    """Seconds that the event loop made other tasks wait, at worst, while a piece of work went on."""
    worst = 0.0

    async def tick() -> None:
        nonlocal worst
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            worst = max(worst, time.perf_counter() - before - 0.001)

    ticking = asyncio.create_task(tick())
    try:
        await asyncio.sleep(0)
        await work
        await asyncio.sleep(0.01)
    finally:
        ticking.cancel()
        await asyncio.wait((ticking,))
    return worst
