"""Connections without a database, a server that is up or down, and an event loop whose clock the test moves."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from heaven_contrib.sql.errors import ConnectionFailed, ConnectionLost

T = TypeVar("T")


class FakeServer:
    """What all connections of a test have in common; `latency` is how long anything takes."""

    def __init__(self, latency: float = 0.01) -> None:
        self.latency = latency
        self.up = True
        self.frozen = False
        self.connects = 0
        self.checks = 0
        self.open: set[FakeConnection] = set()
        self.most_open = 0
        self.connecting = 0

    async def connect(self) -> FakeConnection:
        """Open a connection, which counts from the first packet to the last."""
        self.connects += 1
        self.connecting += 1
        self._count()
        try:
            await self.answer()
            if not self.up:
                raise ConnectionFailed("down")
            connection = FakeConnection(self)
            self.open.add(connection)
        finally:
            self.connecting -= 1
        return connection

    async def answer(self) -> None:
        """Take the time that an answer takes."""
        if self.frozen:
            await asyncio.Event().wait()
        await asyncio.sleep(self.latency)

    def restart(self, *, noticed: bool) -> None:
        """Break every connection; those ends that `noticed` know it without asking."""
        for connection in self.open:
            connection.broken = True
            connection.noticed = noticed

    def _count(self) -> None:
        self.most_open = max(self.most_open, len(self.open) + self.connecting)


class FakeConnection:
    """A connection that notes who uses it, and what state it is in."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.tainted = False
        self.in_transaction = False
        self.broken = False
        self.noticed = False
        self.halfway = False
        self.refuses_to_clean = False

    @property
    def usable(self) -> bool:
        return self in self.server.open and not self.halfway and not (self.broken and self.noticed)

    async def check(self) -> None:
        self.server.checks += 1
        await self._talk()

    async def rollback(self) -> None:
        await self._talk()
        self.in_transaction = False

    async def reset(self) -> None:
        await self._talk()
        self.in_transaction = self.tainted = False

    async def close(self) -> None:
        await asyncio.sleep(self.server.latency)
        self.abandon()

    def abandon(self) -> None:
        self.server.open.discard(self)

    async def _talk(self) -> None:
        self.halfway = True
        await self.server.answer()
        if self.broken or self.refuses_to_clean:
            raise ConnectionLost("broken")
        self.halfway = False


class Clock(selectors.DefaultSelector):
    """Passes time instead of waiting."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("everything waits for something that never comes")
        self.now += timeout
        return super().select(0)


class Timeless(asyncio.SelectorEventLoop):
    """A loop on which nothing takes time, and all the time passes that is waited for."""

    def __init__(self) -> None:
        self.clock = Clock()
        super().__init__(self.clock)

    def time(self) -> float:
        return self.clock.now


def timeless(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine where hours pass in no time."""
    with asyncio.Runner(loop_factory=Timeless) as runner:
        return runner.run(main)


def stand_still(seconds: float) -> None:
    """Let time pass on the running timeless loop while nothing happens on it, as when a machine is paused."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Timeless)
    loop.clock.now += seconds


async def settle() -> None:
    """Let everything happen that needs no time."""
    for _ in range(10):
        await asyncio.sleep(0)
