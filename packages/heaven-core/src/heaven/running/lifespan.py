"""The life of an application: what starts, in order; what is undone when a start fails; what stops, whatever fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

from heaven.liveness import SignalTap, is_cancelled
from heaven.logs import logger
from heaven.running.daemons import Daemon
from heaven.running.monitor import LoopMonitor
from heaven.serving.foreign import Foreign, ForeignLifespan

if TYPE_CHECKING:
    from logging import Logger

    from heaven.app import App
    from heaven.types import Receive, Send

log: Logger = logger("heaven.lifespan")

LAST_WORDS = 2.0
"""Seconds that the handlers of WebSockets have to end, before what they work with is shut down."""


@dataclass(frozen=True, slots=True)
class _Undo:
    """One step back, and what it belongs to, for the log."""

    what: str
    step: Callable[[], Awaitable[object]]


class Lifespan:
    """Lives from `lifespan.startup` to the end of `lifespan.shutdown`; the server begins one, usually once.

    Args:
        app: the outermost application; what is mounted on it starts after it, in order, and stops before it.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._undo: list[_Undo] = []

    async def run(self, receive: Receive, send: Send) -> None:
        """Speak the lifespan protocol with the server (ASGI lifespan spec); no error of the application escapes."""
        await receive()
        try:
            await self.start()
        except (Exception, asyncio.CancelledError) as error:
            if is_cancelled(error):
                raise
            log.exception("startup failed", exc_info=error)
            await send({"type": "lifespan.startup.failed", "message": _told(error)})
            return
        try:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        finally:
            # Also when the server cancels the lifespan in place of saying that it ends.
            failures = await self.stop()
        if failures:
            await send({"type": "lifespan.shutdown.failed", "message": "; ".join(map(_told, failures))})
        else:
            await send({"type": "lifespan.shutdown.complete"})

    async def start(self) -> None:
        """Wire the application up and start everything in order.

        Raises:
            Exception: what a step raised; what had started before it is undone, in reverse.
        """
        self._app.stopping.reset()
        try:
            self._app.wire()
            for each in family(self._app):
                if isinstance(each, Foreign):
                    await self._start_foreign(each)
                else:
                    await self._start_app(each)
            self._start_watching()
        except BaseException as error:
            self._app.startup_error = error
            await self.stop()
            raise
        self._app.startup_error = None

    async def stop(self) -> list[BaseException]:
        """Undo everything that started, in reverse, and give back what failed on the way; every step runs."""
        self._app.stopping.set()
        await self._app.stopping.released(LAST_WORDS)
        failures: list[BaseException] = []
        cancelled: BaseException | None = None
        while self._undo:
            undo = self._undo.pop()
            try:
                await undo.step()
            except (Exception, asyncio.CancelledError) as error:
                if is_cancelled(error):
                    cancelled = error
                else:
                    # A step that waits for a task it cancelled fails with that task's CancelledError.
                    log.exception("shutdown: %s failed", undo.what, exc_info=error)
                    failures.append(error)
        if cancelled is not None:
            raise cancelled
        return failures

    async def _start_app(self, app: App) -> None:
        if app.settled.lifespan is not None:
            context = app.settled.lifespan(app)
            await context.__aenter__()
            self._undo.append(_Undo("lifespan", lambda: context.__aexit__(None, None, None)))
        stops = [_Undo(f"SHUTDOWN at {event.place}", _calling(event.call, app)) for event in app.written.shutdown]
        for event in app.written.startup:
            await event.call(app)
            # From the first step that succeeded on, the application has something to shut down.
            self._undo += stops
            stops = []
        self._undo += stops
        for function, every, _ in app.written.daemons:
            daemon = Daemon(function, every=every, app=app)
            daemon.start()
            self._undo.append(_Undo(repr(daemon), daemon.stop))

    async def _start_foreign(self, foreign: Foreign) -> None:
        lifespan = ForeignLifespan(foreign)
        await lifespan.start()
        self._undo.append(_Undo(repr(foreign.app), lifespan.stop))

    def _start_watching(self) -> None:
        tap = SignalTap(self._app.stopping)
        tap.install()
        self._undo.append(_Undo("signals", _quick(tap.undo)))
        if self._app.settled.monitor is not None:
            monitor = LoopMonitor(self._app.settled.monitor, route_of)
            monitor.start()
            self._undo.append(_Undo("monitor", _quick(monitor.stop)))


def route_of(frame: FrameType) -> str | None:
    """The route that a frame of the event loop's thread serves."""
    site = getattr(frame.f_locals.get("req"), "site", None)
    return getattr(site, "route", None)


def family(app: App) -> Iterator[App | Foreign]:
    """An application and all that is mounted on it, parents first, each once."""
    seen: set[int] = set()
    waiting: list[App | Foreign] = [app]
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if not isinstance(each, Foreign):
            fallback = each.written.fallback
            waiting[:0] = [mount.child for mount in each.written.mounts]
            waiting += [fallback.application] if fallback is not None else []


def _told(error: BaseException) -> str:
    """What a server prints last: the error and its notes, which say where it was and why."""
    return " - ".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])


def _calling(function: Callable[[App], Awaitable[object]], app: App) -> Callable[[], Awaitable[object]]:
    return lambda: function(app)


def _quick(function: Callable[[], object]) -> Callable[[], Awaitable[None]]:
    async def call() -> None:
        function()

    return call
