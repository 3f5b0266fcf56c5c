"""What holds the event loop: a thread of its own notices, and says which route and which line it was."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Callable
from time import monotonic
from types import FrameType
from typing import TypeAlias

log: logging.Logger = logging.getLogger("heaven.monitor")

Describe: TypeAlias = Callable[[FrameType], str | None]

STACK_DEPTH = 20
"""How many frames of the stack are shown, counted from the one that holds the loop."""


class LoopMonitor:
    """Lives from startup to shutdown: reports whatever holds the event loop for longer than `threshold` seconds.

    It is logged on `heaven.monitor` when it is found, with its stack, and when the loop is free again. The loop moves a
    clock's hand four times per threshold, and a thread looks at it; a request costs nothing. What is held by C code
    that keeps the interpreter's lock is seen as soon as that returns.

    Args:
        threshold: seconds; whatever holds the loop for 1.25 times as long is found for certain.
        describe: names the route that a frame of the loop's thread serves, or gives None.

    Example:
        >>> import time
        >>> async def serve(route: str) -> None:
        ...     monitor = LoopMonitor(0.05, lambda frame: frame.f_locals.get("route"))
        ...     monitor.start()
        ...     while len(said) < 1:
        ...         time.sleep(0.01)  # holds the loop
        ...     while len(said) < 2:
        ...         await asyncio.sleep(0.01)
        ...     monitor.stop()
        >>> said = []
        >>> class Said(logging.Handler):
        ...     def emit(self, record: logging.LogRecord) -> None:
        ...         said.append(f"{record.msg[:22]} {record.args[-2]}")
        >>> log.addHandler(handler := Said()); log.propagate = False
        >>> asyncio.run(serve("GET /report"))
        >>> said[:2]
        ['the event loop is held GET /report', 'the event loop is free GET /report']
        >>> log.removeHandler(handler); log.propagate = True
    """

    def __init__(self, threshold: float, describe: Describe) -> None:
        self._threshold = threshold
        self._interval = threshold / 4
        self._describe = describe
        self._due = 0.0
        self._lags: dict[float, float] = {}
        self._ident = 0
        self._timer: asyncio.TimerHandle | None = None
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to watch the running loop; called in its thread."""
        self._ident = threading.get_ident()
        self._stopped.clear()
        self._wind()
        self._thread = threading.Thread(target=self._watch, name="heaven-monitor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching and wait for the thread; one that was never started is no error."""
        self._stopped.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._thread is not None:
            self._thread.join()

    # In the loop

    def _tick(self) -> None:
        now = monotonic()
        if now >= self._due + self._threshold:  # kept for the thread, which may ask after the next tick
            self._lags[self._due] = now - self._due
        self._wind()

    def _wind(self) -> None:
        self._due = monotonic() + self._interval
        self._timer = asyncio.get_running_loop().call_later(self._interval, self._tick)

    # In the thread

    def _watch(self) -> None:
        while not self._stopped.wait(max(self._due + self._threshold - monotonic(), 0)):
            self._lags.clear()
            due = self._due
            if monotonic() >= due + self._threshold:
                try:
                    self._observe(due)
                except Exception:
                    log.exception("the monitor could not describe what holds the event loop")

    def _observe(self, due: float) -> None:
        """Say what holds the loop, wait until it is free, and say for how long that was."""
        frame = sys._current_frames()[self._ident]  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        what = self._route(frame) or "something that serves no route"
        stack = "".join(traceback.format_stack(frame, limit=STACK_DEPTH))
        del frame  # it would keep the handler's variables alive for as long as the thread waits
        log.warning("the event loop is held for more than %g s by %s\n%s", self._threshold, what, stack)
        while self._due == due:
            if self._stopped.wait(self._interval):
                return
        lag = self._lags.get(due, monotonic() - due)  # a tick that is not over while this thread clears them kept none
        log.warning("the event loop is free again; %s held it for %.3f s", what, lag)

    def _route(self, innermost: FrameType) -> str | None:
        frame: FrameType | None = innermost
        while frame is not None:
            route = self._describe(frame)
            if route is not None:
                return route
            frame = frame.f_back
        return None
