"""A long-lived process for one client of a server, in parts `sql` and `redis`.

`python -m benchmarks.contest_worker MODULE CORE CLIENT URL`. Commands: `furnish`, `check`, `burst`, `quit`. Time is
time on the wall, as a client waits for its server; the loop is uvloop, as behind a server.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import AsyncExitStack
from time import perf_counter
from typing import Any

import uvloop

from benchmarks.worker import Worker, serve, versions


class Clients(Worker):
    """Serves the parent's commands with one client that is connected: each task is a method of it."""

    async def start(self, source: Any, names: list[str]) -> dict[str, Any]:
        """Connect."""
        os.sched_setaffinity(0, {self.core})
        client, url = names
        self.source, self.url = source, url
        kind = source.CLIENTS[client]
        self.opened = AsyncExitStack()
        self.client = await self.opened.enter_async_context(kind.connect(url))
        return {
            "versions": versions(kind.distributions),
            "tasks": [task for task in source.ANSWERS if hasattr(self.client, task)],
        }

    async def stop(self) -> None:
        """Disconnect."""
        await self.opened.aclose()

    async def furnish(self) -> dict[str, Any]:
        """Give the server what is asked for; one client does this for all."""
        await self.source.furnish(self.url)
        return {}

    async def check(self, scenario: str) -> dict[str, Any]:
        """Do a task and compare the answer."""
        for _ in range(2):
            answer = await getattr(self.client, scenario)()
            self.source.ANSWERS[scenario](answer)
        return {}

    async def burst(self, scenario: str, number: int) -> dict[str, Any]:
        """Time a task that is done so often; the last answer is compared."""
        task = getattr(self.client, scenario)
        answer: Any = None
        if clear := getattr(self.client, f"before_{scenario}", None):
            await clear()
        gc.collect()
        begin = perf_counter()
        for _ in range(number):
            answer = await task()
        seconds = perf_counter() - begin
        self.source.ANSWERS[scenario](answer)
        return {"seconds": seconds}


if __name__ == "__main__":
    sys.exit(serve(Clients, sys.argv[1:], uvloop.run))
