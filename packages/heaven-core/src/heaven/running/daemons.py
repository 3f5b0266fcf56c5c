"""Periodic work beside the requests: supervised, backed off when it fails, ended at shutdown."""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import Callable
from logging import Logger
from typing import Any

from heaven.callables import is_async, name_of
from heaven.errors import BackgroundError, RegistrationError
from heaven.liveness import is_cancelled
from heaven.logs import logger

log: Logger = logger("heaven.daemons")

MAX_BACKOFF = 60.0
"""Seconds; what keeps failing is tried again at least this often."""


class Daemon:
    """Lives from startup to shutdown: calls `function(app)`, at once and then `every` so many seconds after it ended.

    A failure is logged with its traceback on `heaven.daemons`, and the next call comes after a random pause whose
    bounds double with every failure in a row, from 1 to 60 seconds, so that many processes don't knock at a recovering
    server together. A sync function runs in a thread; cancelling it ends the wait for the thread, not what runs there.

    Args:
        function: what is to be done, sync or async.
        every: seconds between the end of one call and the start of the next.
        app: what the function is called with.
        grace: seconds that a function gets to end when it is stopped; then it is left behind with a warning.

    Raises:
        RegistrationError: `every` is not above 0.

    Example:
        >>> async def main() -> None:
        ...     async def sweep(app: str) -> None:
        ...         print("sweeping", app)
        ...     daemon = Daemon(sweep, every=60, app="the shop")
        ...     daemon.start()
        ...     await asyncio.sleep(0)
        ...     await daemon.stop()
        >>> asyncio.run(main())
        sweeping the shop
    """

    __slots__ = ("_app", "_every", "_function", "_grace", "_is_async", "_task")

    def __init__(
        self,
        function: Callable[[Any], Any],
        *,
        every: float,
        app: Any,
        grace: float = 5.0,
    ) -> None:
        if not every > 0:
            raise RegistrationError(f"a daemon got every={every!r}; give the seconds between two calls, above 0")
        self._function = function
        self._every = every
        self._app = app
        self._grace = grace
        self._is_async = is_async(function)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin: the first call comes as soon as the event loop has time. A second start does nothing."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name=repr(self))

    async def stop(self) -> None:
        """Cancel it and wait until it ended, but no longer than the grace."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        _, late = await asyncio.wait((task,), timeout=self._grace)
        if late:
            log.warning("%r ignored its cancellation for %g s and is left behind", self, self._grace)

    async def _run(self) -> None:
        failures = 0
        while True:
            failure = await self._failure()
            if is_cancelled():  # the function caught its cancellation and returned
                return
            pause = self._every
            failures = 0 if failure is None else failures + 1
            if failure is not None:
                most = min(MAX_BACKOFF, 2.0 ** min(failures - 1, 10))
                pause = random.uniform(most / 2, most)  # noqa: S311
                log.warning("%r failed, %d in a row; the next call is in %.1f s", self, failures, pause)
                log.error("%s", BackgroundError(self._function), exc_info=failure)
            await asyncio.sleep(pause)

    async def _failure(self) -> BaseException | None:
        """Call the function, and give back what it raised."""
        try:
            await self._call()
        except Exception as error:  # noqa: BLE001 - the caller reports it
            return error
        except asyncio.CancelledError as error:
            if is_cancelled():
                raise
            return error  # not the daemon was cancelled but something that it waited for
        return None

    async def _call(self) -> None:
        if self._is_async:
            await self._function(self._app)
            return
        result = await asyncio.to_thread(self._function, self._app)
        if inspect.isawaitable(result):  # a lambda may hand back the coroutine of the async function it calls
            await result

    def __repr__(self) -> str:
        """What it calls, and how often."""
        return f"<Daemon {name_of(self._function)} every {self._every:g} s>"
