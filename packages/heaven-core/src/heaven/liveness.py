"""Who is still there: the client may have left, and the server may be stopping."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from heaven.errors import ClientDisconnected
from heaven.types import Receive

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

Callback: TypeAlias = Callable[[], object]
SignalHandler: TypeAlias = Callable[[int, FrameType | None], object]

# SIGQUIT is what gunicorn's master sends its workers after Ctrl+C, SIGBREAK is Ctrl+Break on Windows.
STOP_SIGNALS = tuple(number for number in signal.Signals if number.name in {"SIGTERM", "SIGINT", "SIGQUIT", "SIGBREAK"})

ASK_EVERY = 0.1
"""Seconds between two looks at hypercorn's event, which hypercorn takes itself."""


def is_cancelled(error: BaseException | None = None) -> bool:
    """Whether the running task is cancelled itself, and not just something that it waited for.

    Both end in a CancelledError where the task waits, but only the one is to be passed on; the other is a failure.

    Args:
        error: what was raised; any but a CancelledError is no cancellation. None asks about the task alone, which may
            have caught its cancellation.

    Example:
        >>> async def wait_for_another() -> None:
        ...     other = asyncio.create_task(asyncio.sleep(60))
        ...     other.cancel()
        ...     try:
        ...         await other
        ...     except asyncio.CancelledError as error:
        ...         print(is_cancelled(error))
        >>> asyncio.run(wait_for_another())
        False
    """
    if error is not None and not isinstance(error, asyncio.CancelledError):
        return False
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Stopping:
    """Says once, and to everyone who asked, that the server begins to stop.

    Servers send `lifespan.shutdown` after their connections closed, so whatever keeps a connection open for long
    must learn of the end another way. Used from the event loop's thread; others go through `loop.call_soon_threadsafe`.

    Example:
        >>> async def tell() -> None:
        ...     stopping = Stopping()
        ...     stopping.add(lambda: print("closing time"))
        ...     stopping.set()
        ...     await stopping.wait()
        ...     await asyncio.sleep(0)
        >>> asyncio.run(tell())
        closing time
    """

    __slots__ = ("_callbacks", "_is_set", "held")

    def __init__(self) -> None:
        self._is_set = False
        self.held: int = 0
        """How many connections are to end before the application may shut down."""
        self._callbacks: dict[Callback, asyncio.Handle | None] = {}

    @property
    def is_set(self) -> bool:
        """Whether the server has begun to stop."""
        return self._is_set

    def set(self) -> None:
        """Begin to stop: every callback is called soon, each on its own; a second call does nothing."""
        if self._is_set:
            return
        self._is_set = True
        for callback in self._callbacks:
            self._call(callback)

    def reset(self) -> None:
        """Begin a new life, as an application does that is started again; who asked in the old one is forgotten."""
        self._is_set = False
        self._callbacks.clear()

    def add(self, callback: Callback) -> None:
        """Have `callback()` called when the server begins to stop, and soon if it has begun already."""
        self._callbacks[callback] = None
        if self._is_set:
            self._call(callback)

    def discard(self, callback: Callback) -> None:
        """Forget a callback; it is not called any more, and one that was never added is no error."""
        handle = self._callbacks.pop(callback, None)
        if handle is not None:
            handle.cancel()

    async def released(self, seconds: float) -> None:
        """Wait until nothing is held any more, but no longer than this: granian shuts down without waiting itself."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while self.held and loop.time() < end:  # noqa: ASYNC110 - asked at shutdown alone, so that holding costs nothing
            await asyncio.sleep(0.01)

    async def wait(self) -> None:
        """Wait until the server begins to stop."""
        if self._is_set:
            return
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        callback = partial(told.set_result, None)
        self.add(callback)
        try:
            await told
        finally:
            self.discard(callback)

    def _call(self, callback: Callback) -> None:
        # Soon, not at once: one that fails then stops no other, and none runs inside the task that it cancels.
        self._callbacks[callback] = asyncio.get_running_loop().call_soon(callback)


class SignalTap:
    """Lets `stopping` hear the signals that stop the server, before the server's own handlers do their work.

    The handlers that are installed already are called unchanged; a signal that has none (default, ignored) is left
    alone, since then no server waits for it. Works in the main thread only; elsewhere `install` does nothing.
    hypercorn sends its workers no signal but sets an event that they ask for; so does the tap, in such a worker.

    Args:
        stopping: what is set when a signal comes.
        signals: which signals are heard.

    Example:
        >>> async def run() -> bool:
        ...     previous = signal.signal(signal.SIGTERM, lambda number, frame: None)   # as a server does
        ...     tap = SignalTap(stopping := Stopping())
        ...     tap.install()
        ...     signal.raise_signal(signal.SIGTERM)
        ...     await stopping.wait()
        ...     tap.undo()
        ...     signal.signal(signal.SIGTERM, previous)
        ...     return stopping.is_set
        >>> asyncio.run(run())
        True
    """

    __slots__ = ("_loop", "_previous", "_signals", "_stopping", "_timer")

    def __init__(self, stopping: Stopping, signals: tuple[signal.Signals, ...] = STOP_SIGNALS) -> None:
        self._stopping = stopping
        self._signals = signals
        self._previous: dict[int, SignalHandler] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def install(self) -> None:
        """Put a handler in front of those that are there; called at startup, with the loop running."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._loop = asyncio.get_running_loop()
        event = _shutdown_event()
        if event is not None:
            self._ask(self._loop, event)
        for number in self._signals:
            handler = signal.getsignal(number)
            if callable(handler):
                self._previous[number] = handler
                signal.signal(number, self._hear)

    def undo(self) -> None:
        """Put the previous handlers back, where nobody else has installed one since; called at shutdown."""
        self._loop = None
        if self._timer is not None:
            self._timer.cancel()
        for number, handler in self._previous.items():
            if signal.getsignal(number) == self._hear:
                signal.signal(number, handler)

    def _ask(self, loop: asyncio.AbstractEventLoop, event: Event) -> None:
        if event.is_set():
            self._stopping.set()
        else:
            self._timer = loop.call_later(ASK_EVERY, self._ask, loop, event)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        # Runs between any two bytecodes of the main thread: only what is safe there is done here.
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._previous[number](number, frame)


def _shutdown_event() -> Event | None:
    """What hypercorn's master sets to stop the worker process that this is; None in any other process."""
    processes = sys.modules.get("multiprocessing.process")  # no worker has it unloaded, and nobody else pays for it
    arguments = getattr(processes.current_process(), "_kwargs", {}) if processes is not None else {}
    event = arguments.get("shutdown_event")
    return event if hasattr(event, "is_set") else None


class WhileConnected:
    """Runs the body of an `async with` for as long as the client is there; then `ClientDisconnected` is raised.

    It works as `asyncio.timeout` does: the body is cancelled from outside, and the cancellation is turned into the
    exception at the end of the block. A cancellation that came from elsewhere is never swallowed. A body that
    catches the cancellation and ends of itself, or with an error of its own, is left as it ended.

    It reads from `receive`, so the request's body must be complete or unwanted.

    Args:
        receive: the ASGI callable of the request, or None to watch for `stopping` alone.
        delay: seconds before it begins to watch; what ends sooner costs a timer and no task. 0 begins at once.
        stopping: when given, the body also ends, quietly, once the server begins to stop; `stopped` is then true.

    Raises:
        ClientDisconnected: the client left, or `receive` raised OSError, before the block ended.

    Example:
        >>> async def leave() -> dict[str, str]:
        ...     return {"type": "http.disconnect"}
        >>> async def work() -> None:
        ...     async with WhileConnected(leave, delay=0):
        ...         await asyncio.sleep(60)
        >>> asyncio.run(work())
        Traceback (most recent call last):
        heaven.errors.ClientDisconnected: the client left before the response was complete
    """

    __slots__ = ("_cancelling", "_delay", "_end", "_failure", "_receive", "_stopping", "_task", "_timer", "_watcher")

    def __init__(self, receive: Receive | None, *, delay: float = 0.05, stopping: Stopping | None = None) -> None:
        self._receive = receive
        self._delay = delay
        self._stopping = stopping
        self._watcher: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._end: Literal["left", "stopped", "closed"] | None = None

    @property
    def stopped(self) -> bool:
        """Whether the body was ended because the server is stopping."""
        return self._end == "stopped"

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("WhileConnected cancels the task that runs it, and there is none here")
        self._task = task
        self._cancelling = task.cancelling()
        # PERF: a timer first, then a task: 2.5 instead of 10.8 microseconds for a body that ends before it.
        if self._receive is not None:
            if self._delay > 0:
                self._timer = task.get_loop().call_later(self._delay, self._watch, self._receive)
            else:
                self._watch(self._receive)
        if self._stopping is not None:
            self._stopping.add(self._stop)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        end, self._end = self._end, self._end or "closed"
        if self._timer is not None:
            self._timer.cancel()
        if self._stopping is not None:
            self._stopping.discard(self._stop)
        # Our own cancellation is taken back before anything is awaited: what comes from here on is foreign.
        alone = end is not None and self._task.uncancel() <= self._cancelling
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait((self._watcher,))
        if not alone or not isinstance(error, asyncio.CancelledError):
            return False
        if end == "stopped":
            return True
        if self._failure is not None and not isinstance(self._failure, OSError | ClientDisconnected):
            raise self._failure
        raise ClientDisconnected("the client left before the response was complete") from self._failure

    @asynccontextmanager
    async def beside(self, work: Coroutine[Any, Any, None]) -> AsyncGenerator[None, None]:
        """Run something beside a part of the body: its end ends the body, as if `receive` had ended that way."""
        task = self._start(work)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait((task,))

    def _watch(self, receive: Receive) -> None:
        self._watcher = self._start(_until_disconnect(receive))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._task.get_loop().create_task(work)
        # A done callback runs from the loop, even if the task is eager: the body is never cancelled by itself.
        task.add_done_callback(self._left)
        return task

    def _left(self, watcher: asyncio.Task[None]) -> None:
        if not watcher.cancelled():
            self._failure = watcher.exception()
            self._interrupt("left")

    def _stop(self) -> None:
        self._interrupt("stopped")

    def _interrupt(self, end: Literal["left", "stopped"]) -> None:
        if self._end is None:
            self._end = end
            self._task.cancel()


async def _until_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
