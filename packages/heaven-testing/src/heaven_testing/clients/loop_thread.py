"""An event loop in a thread of its own: where the application of a sync test runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from time import monotonic
from typing import Any, TypeVar

from heaven_testing.errors import ApplicationTimeout
from heaven_testing.inprocess.waiting import where_in

R = TypeVar("R")


class LoopThread:
    """Lives as long as a sync client is entered: its loop runs all the time, as a server's does.

    Args:
        seconds: how long something may keep the loop from everybody else, and what runs on it may take to end when it
            is stopped; None for no limit.

    Example:
        >>> thread = LoopThread()
        >>> thread.start()
        >>> thread.run(asyncio.sleep(0, "done"))
        'done'
        >>> thread.stop()
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._seconds = seconds
        self._ending = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether it is started, and not stopped."""
        return self._loop is not None

    def start(self) -> None:
        """Start the loop."""
        loop = asyncio.new_event_loop()
        self._ending = threading.Event()
        thread = threading.Thread(
            target=_run, args=(loop, self._ending, self._seconds), name="heaven-testing", daemon=True
        )
        thread.start()
        self._loop, self._thread = loop, thread

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        """Run a coroutine on the loop, and wait for what it returns or raises.

        Raises:
            RuntimeError: the loop does not run.
            ApplicationTimeout: something keeps the loop from everybody else; the message says where.
        """
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            work.close()
            if self._ending.is_set():
                raise RuntimeError("the client was left, and its application has stopped; do that inside of its `with`")
            raise RuntimeError("enter the client first: `with SyncClient(app) as client:`")
        future = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            while True:
                try:
                    return future.result(self._seconds)
                except TimeoutError:
                    if future.done():
                        return future.result()
                    self._check(loop, thread)
        except BaseException:
            future.cancel()  # Ctrl-C in the test is not to leave it running
            raise

    def stop(self) -> None:
        """Stop the loop with all that runs on it, and close it; what does not end in time is left where it is."""
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is not None and thread is not None:
            self._ending.set()
            with suppress(RuntimeError):  # it has ended meanwhile: a task said `sys.exit()`
                loop.call_soon_threadsafe(loop.stop)
            thread.join(self._seconds)

    def _check(self, loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
        """Look whether the loop still goes round."""
        answered = threading.Event()
        loop.call_soon_threadsafe(answered.set)
        began = monotonic()
        if answered.wait(self._seconds):
            return
        late = self._seconds is not None and monotonic() - began > 1.1 * self._seconds
        if not late or not answered.wait(self._seconds):  # late: this thread stood still as well, as the machine did
            raise ApplicationTimeout(
                f"the application kept its event loop from everybody else for {self._seconds:g} s: "
                f"it {where_in(thread)}; call what blocks in a thread"
            )


def _run(loop: asyncio.AbstractEventLoop, ending: threading.Event, seconds: float | None) -> None:
    """Run a loop until it is to end: `sys.exit()` in a task ends that task, and reaches who waits for it."""
    try:
        while not ending.is_set():
            with suppress(KeyboardInterrupt, SystemExit):
                loop.run_forever()
        last = loop.create_task(_wind_up(loop, seconds))
        while not last.done():
            with suppress(KeyboardInterrupt, SystemExit, RuntimeError):  # the last: it is told to stop once more
                loop.run_until_complete(last)
    finally:
        loop.close()


async def _wind_up(loop: asyncio.AbstractEventLoop, seconds: float | None) -> None:
    # As `asyncio.run` does, which waits for ever: a pending task that is collected with its loop complains.
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.wait((asyncio.gather(*tasks, return_exceptions=True),))
            await asyncio.wait((loop.create_task(loop.shutdown_asyncgens()),))
            await asyncio.wait((loop.create_task(loop.shutdown_default_executor()),))
