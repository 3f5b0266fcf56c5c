"""aiosqlite's connections: each has a thread, which does one thing after the other."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, TypeVar, cast

from aiosqlite import core

T = TypeVar("T")

# Its types hide what a subclass needs.
_core: Any = cast("Any", core)
Connection: Any = _core.Connection

STEPS: Final = 10_000
"""Instructions of SQLite's machine after which a statement asks whether it is still wanted: 0.1 ms or so."""


def _work(queue: SimpleQueue[Any]) -> None:
    """Do what is queued, as aiosqlite does it; once the loop is gone that it reports to, end without a word."""
    while True:
        try:
            _core._connection_worker_thread(queue)  # noqa: SLF001
        except RuntimeError:
            if not queue.empty():
                continue
        return


class RawConnection(Connection):  # type: ignore[misc]
    """A connection of aiosqlite's.

    Args:
        connector: opens the connection of sqlite3; it is called on the thread.
        name: the thread's.
    """

    _connection: sqlite3.Connection | None

    def __init__(self, connector: Callable[[], sqlite3.Connection], name: str) -> None:
        Connection.__init__(self, self._open, 64)
        self._thread = Thread(target=_work, args=(self._tx,), name=name, daemon=True)  # who forgets to close ends
        self._open_one = connector
        self._opened: sqlite3.Connection | None = None
        self._unwanted = False

    def _open(self) -> sqlite3.Connection:
        self._opened = self._open_one()
        return self._opened

    def stop(self) -> Any:
        """End the thread; aiosqlite forgets the connection of somebody who was cancelled while it was opened."""
        self._tx.put_nowait((None, self._close_opened))
        return Connection.stop(self)

    def _close_opened(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def open(self) -> bool:
        """Whether it was opened, and nobody has closed it."""
        return self._running and self._connection is not None

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function on the thread, with the connection of sqlite3: one hop for all that a statement takes."""
        result: T = await self._execute(function, self._connection, *arguments)
        return result

    async def reopen(self) -> None:
        """Have another connection of sqlite3 from now on: nothing of the session is left."""
        await self.run(sqlite3.Connection.close)
        self._connection = await self._execute(self._open)
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

    def _interrupt(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.ProgrammingError):  # it is closed by now
                self._connection.interrupt()
