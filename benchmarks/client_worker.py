"""A long-lived process for one kind of test client and one application.

`python -m benchmarks.client_worker PEER CORE KIND`. Commands: `check`, `burst`, `startup`, `quit`.

Time is time on the wall: some clients have a thread for the application, and wait for it. The loop is asyncio's own,
as in a test.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from contextlib import AsyncExitStack
from time import perf_counter
from typing import Any

from benchmarks import driver
from benchmarks.clients import KINDS, SCENARIO, Ask
from benchmarks.worker import Worker, serve, versions


class TestClients(Worker):
    """Serves the parent's commands with one client that is open."""

    async def start(self, source: Any, names: list[str]) -> dict[str, Any]:
        """Open the client; the threads that it starts stay on this process's core."""
        os.sched_setaffinity(0, {self.core})
        self.kind = KINDS[names[0]]
        self.build = source.base
        self.opened = AsyncExitStack()
        self.ask: Ask = await self.opened.enter_async_context(self.kind.open(self.build()))
        return {"versions": versions(self.kind.distributions)}

    async def stop(self) -> None:
        """Close the client."""
        await self.opened.aclose()

    async def check(self, scenario: str) -> dict[str, Any]:
        """Ask and compare the answer, then open and close the client once with another application."""
        for number in (1, 2):
            driver.compare(SCENARIO, await self.ask(number))
        async with self.kind.open(self.build()) as ask:
            driver.compare(SCENARIO, await ask(1))
        return {}

    async def burst(self, scenario: str, number: int) -> dict[str, Any]:
        """Time requests one after the other; the last answer is compared."""
        gc.collect()
        begin = perf_counter()
        sent = await self.ask(number)
        seconds = perf_counter() - begin
        driver.compare(SCENARIO, sent)
        return {"seconds": seconds}

    async def startup(self, number: int) -> dict[str, Any]:
        """Time opening and closing the client, each time with an application that was never started."""
        apps = [self.build() for _ in range(number)]
        gc.collect()
        begin = perf_counter()
        for app in apps:
            async with self.kind.open(app):
                pass
        return {"seconds": perf_counter() - begin}


if __name__ == "__main__":
    sys.exit(serve(TestClients, sys.argv[1:], asyncio.run))
