"""An event loop in a thread of its own: where the application of a sync test runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

R = TypeVar("R")


class LoopThread:
    """Lives as long as a sync client is entered: its loop runs all the time, as a server's does.

    Example:
        >>> thread = LoopThread()
        >>> thread.start()
        >>> thread.run(asyncio.sleep(0, "done"))
        'done'
        >>> thread.stop()
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the loop."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=_run, args=(loop,), name="heaven-testing", daemon=True)
        thread.start()
        self._loop, self._thread = loop, thread

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        """Run a coroutine on the loop, and wait for what it returns or raises.

        Raises:
            RuntimeError: the loop does not run.
        """
        if self._loop is None:
            work.close()
            raise RuntimeError("enter the client first: `with SyncClient(app) as client:`")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C in the test is not to leave it running
            raise

    def stop(self) -> None:
        """Stop the loop with all that runs on it, and close it."""
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is not None and thread is not None:
            asyncio.run_coroutine_threadsafe(_wind_up(loop), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Run a loop until it is stopped: `sys.exit()` in a task ends that task, and reaches who waits for it."""
    stopped = False
    while not stopped:
        with suppress(KeyboardInterrupt, SystemExit):
            loop.run_forever()
            stopped = True


async def _wind_up(loop: asyncio.AbstractEventLoop) -> None:
    # As `asyncio.run` does: a pending task that is collected with its loop complains.
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()
