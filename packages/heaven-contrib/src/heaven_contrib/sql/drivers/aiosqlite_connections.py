"""aiosqlite's connections: each has a thread, which does one thing after the other."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, Final, TypeVar

T = TypeVar("T")

Connection: Any = import_module("aiosqlite").Connection  # its types hide what a subclass needs

STEPS: Final = 10_000
"""Instructions of SQLite's machine after which a statement asks whether it is still wanted: 0.1 ms or so."""

LAST_WORDS: Final = 0.05
"""Seconds that a thread has to end before the loop that it reports to may be gone."""


class RawConnection(Connection):  # type: ignore[misc]
    """A connection of aiosqlite's.

    Args:
        connector: opens the connection of sqlite3; it is called on the thread.
        name: the thread's.
    """

    _connection: sqlite3.Connection | None

    def __init__(self, connector: Callable[[], sqlite3.Connection], name: str) -> None:
        Connection.__init__(self, connector, 64)
        self._thread.name = name
        self._unwanted = False

    @property
    def open(self) -> bool:
        """Whether it was opened, and nobody has closed it."""
        return self._running and self._connection is not None

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function on the thread, with the connection of sqlite3: one hop for all that a statement takes."""
        result: T = await self._execute(function, self._connection, *arguments)
        return result

    async def replace(self, reopen: Callable[[sqlite3.Connection], sqlite3.Connection]) -> None:
        """Have another connection of sqlite3 from now on."""
        self._connection = await self.run(reopen)
        await self.watch()

    async def watch(self) -> None:
        """Have each statement ask whether it is still wanted: `interrupt` is lost on one that only begins."""
        await self.run(sqlite3.Connection.set_progress_handler, lambda: self._unwanted, STEPS)

    async def call_off(self, patience: float | None) -> bool:
        """Stop what runs on the thread; gives whether it has ended in time.

        Args:
            patience: seconds to wait for it; None to wait for as long as it takes.
        """
        loop = asyncio.get_running_loop()
        deadline = None if patience is None else loop.time() + patience
        self._unwanted = True
        ended = asyncio.ensure_future(self._execute(lambda: None))
        while not ended.done() and (deadline is None or loop.time() < deadline):
            self._interrupt()
            with suppress(asyncio.CancelledError):  # who calls has one to raise
                await asyncio.wait((ended,), timeout=0.01)
        if not ended.done():
            ended.cancel()
            return False
        self._unwanted = False
        return ended.exception() is None

    def hang_up(self) -> None:
        """Have the thread end as soon as it can, and the connection with it."""
        if self.open:
            self._unwanted = True
            self._interrupt()
            self.stop()
            self._thread.join(LAST_WORDS)

    def _interrupt(self) -> None:
        if self._connection is not None:
            self._connection.interrupt()
