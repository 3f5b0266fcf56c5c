"""The server without a socket: it starts an application, calls it for every connection, and stops it."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from heaven import App
from heaven_testing.conformance import checker_for
from heaven_testing.errors import ApplicationTimeout, LeakError
from heaven_testing.inprocess.connection import Connection
from heaven_testing.inprocess.exchange import Exchange
from heaven_testing.inprocess.leaks import ALL_LEAKS, Leak, LeakCheck
from heaven_testing.inprocess.lifespan import Lifespan, Mode
from heaven_testing.inprocess.ownership import OWNER
from heaven_testing.inprocess.scopes import Peer, http_scope, socket_scope
from heaven_testing.inprocess.signals import Signal
from heaven_testing.inprocess.socket import Socket
from heaven_testing.library import ConnectError
from heaven_testing.replacing import Replacements
from heaven_testing.tracing import CURRENT, Trace, observe

if TYPE_CHECKING:
    from heaven.types import ASGIApp, Scope
    from heaven_testing.library import Request

AfterDisconnect: TypeAlias = Literal["quiet", "raise"]

TICK = 0.1
"""Seconds that connections have to end by themselves at a shutdown, before WebSockets are closed; as in uvicorn."""

SERVICE_RESTART = 1012
"""The close code of WebSockets that are open when the server stops (IANA WebSocket Close Code Registry)."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a server behaves.

    Args:
        peer: what it tells the application of itself and of the client.
        lifespan: whether the lifespan protocol is spoken: "on", "off", or "auto" for applications that may not know it.
        timeout: seconds that startup, shutdown and the end of requests may take; None for no limit.
        after_disconnect: what `send` does once the client left: nothing, or raise an OSError. None: as uvicorn does,
            nothing for requests, and raise for WebSockets.
        raise_app_exceptions: whether the test is told what the application raised; a real server only logs it.
        leaks: what the application may not leave behind.

    Raises:
        ValueError: there is no such mode, or no such behaviour.
        TypeError: the timeout is no number of seconds.
    """

    peer: Peer = field(default_factory=Peer)
    lifespan: Mode = "auto"
    timeout: float | None = 5.0
    after_disconnect: AfterDisconnect | None = None
    raise_app_exceptions: bool = True
    leaks: Iterable[Leak] = ALL_LEAKS

    def __post_init__(self) -> None:
        known = {"lifespan": get_args(Mode), "after_disconnect": (*get_args(AfterDisconnect), None)}
        for name, values in known.items():
            if getattr(self, name) not in values:
                raise ValueError(f"{name}={getattr(self, name)!r}; give one of {', '.join(map(repr, values))}")
        if not isinstance(self.timeout, float | int | None):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"timeout={self.timeout!r}; give seconds as a number, or None for no limit")


# PERF: what needs not wait is done at once: -10% on a hello, against a task that waits for its turn; since Python 3.12.
_EAGER: dict[str, Any] = {"eager_start": True} if sys.version_info >= (3, 12) else {}


class InProcessServer:
    """Lives as long as a client is entered.

    Args:
        app: any ASGI application.
        settings: how the server behaves.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app: ASGIApp = app
        self.settings: Settings = settings
        self.replacements: Replacements = Replacements(app)
        self._to_replace: list[Callable[[Replacements], None]] = []
        self.state: dict[str, Any] = {}
        self.running: bool = False
        self._lifespan = Lifespan(app, self.state, settings.lifespan)
        self._leaks = LeakCheck(app, self, settings.leaks)
        self._context = contextvars.Context()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._live: set[Connection] = set()
        self._failed: list[Connection] = []
        self._given_up: set[Connection] = set()
        self._ended = Signal()
        self._shutdown = asyncio.Lock()
        if isinstance(app, App):
            observe(app)

    def replace(self, step: Callable[[Replacements], None]) -> None:
        """Replace something in the application: at once if it runs, else when it is started.

        Args:
            step: does it; whatever is wrong with it is told at once.
        """
        step(self.replacements)
        if self._loop is None:
            # A client that is never entered leaves the application as it was.
            self.replacements.undo()
            self._to_replace.append(step)

    # Its life

    async def start(self) -> None:
        """Start the application, on the running event loop.

        Raises:
            StartupFailed: it did not start.
        """
        self._loop = asyncio.get_running_loop()
        # A server knows nothing of the test, so nor do the context variables that the application sees.
        self._context = contextvars.Context()
        self._context.run(OWNER.set, self)
        self._leaks.begin()
        try:
            for step in self._to_replace:
                step(self.replacements)
            if self.settings.lifespan != "off":
                await self._lifespan.start(self._context.copy(), self.settings.timeout)
            self.replacements.started()
        except BaseException:
            self._lifespan.cancel()
            self.replacements.stopping()
            self.replacements.undo()
            await self._leaks.end()
            raise
        self.running = True

    async def shutdown(self, seconds: float | None) -> None:
        """Stop as a server does on SIGTERM: streams learn of it, connections end, and then the application stops.

        Args:
            seconds: how long connections may take to end.

        Raises:
            ApplicationTimeout: a connection did not end; it was cut, and the application stopped all the same.
            ShutdownFailed: a step of the shutdown failed.
        """
        async with self._shutdown:  # who comes second returns when it is done, and does not cut it short
            if self.running:
                await self._shut_down(seconds)

    async def _shut_down(self, seconds: float | None) -> None:
        self.running = False
        if isinstance(self.app, App):
            self.app.stopping.set()
        try:
            if not await self._wait_until_idle(TICK):
                for connection in self._live:
                    if isinstance(connection, Socket):
                        connection.close(SERVICE_RESTART)
            await self.settle(seconds)
        finally:
            await self._cut()
            self.replacements.stopping()
            if self.settings.lifespan != "off":
                await self._lifespan.stop(self.settings.timeout)

    async def stop(self, *, quietly: bool = False) -> None:
        """End what is open, shut down, put back what was replaced, and look for what was left behind.

        Args:
            quietly: the test has failed already, and is not to fail with anything else.

        Raises:
            LeakError: something was left behind.
            ShutdownFailed, ApplicationTimeout, ConformanceError: what else went wrong, and nobody was told of yet.
        """
        errors: list[BaseException] = []
        for step in (partial(self._close, quietly), self._stop, self._put_back, self._look):
            try:
                await step()
            except BaseException as error:  # noqa: BLE001 - the first one is raised when all steps are done
                errors.append(error)
        told = [each for each in errors if not quietly or not isinstance(each, Exception)]
        for each in told[1:]:
            if str(each) != str(told[0]):
                told[0].add_note(f"And when the client was left: {type(each).__name__}: {each}")
        if told:
            raise told[0]

    async def _close(self, quietly: bool) -> None:
        for connection in self._live:
            connection.leave()
        try:
            # A test that has failed already is not held up by what its application does not finish.
            await self.settle(TICK if quietly else self.settings.timeout)
        finally:
            await self._cut()

    async def _stop(self) -> None:
        await self.shutdown(self.settings.timeout)

    async def _put_back(self) -> None:
        self._lifespan.cancel()
        self.replacements.undo()

    async def _look(self) -> None:
        leaks = await self._leaks.end()
        if leaks:
            raise LeakError(leaks)

    async def _cut(self) -> None:
        """Cancel what still runs for a connection; that this ends it is no news to the test."""
        connections = [*self._live, *self._given_up]
        tasks = [connection.task for connection in connections if connection.task is not None]
        for connection in connections:
            connection.reported = True
            connection.leave()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=self.settings.timeout)

    # Its connections

    def request(self, request: Request) -> Exchange:
        """A new request; call `begin` once its body is on the way.

        Raises:
            ConnectError: the server was shut down.
            RuntimeError: it was not started, or on another event loop.
        """
        self._check_running(request)
        scope = http_scope(request, self.settings.peer, self.state)
        raises = self.settings.after_disconnect == "raise"
        return Exchange(scope, checker_for(scope), self._trace(scope), raises=raises)

    def handshake(self, request: Request, subprotocols: Sequence[str]) -> Socket:
        """A new WebSocket; otherwise as `request`."""
        self._check_running(request)
        scope = socket_scope(request, self.settings.peer, self.state, subprotocols)
        raises = self.settings.after_disconnect != "quiet"
        return Socket(scope, checker_for(scope), self._trace(scope), raises=raises)

    def _trace(self, scope: Scope) -> Trace | None:
        return Trace(self.app, scope) if isinstance(self.app, App) else None

    def begin(self, connection: Connection) -> None:
        """Call the application for a connection."""
        context = self._context.copy()
        if connection.trace is not None:
            context.run(CURRENT.set, connection.trace)
        self._live.add(connection)
        connection.task = _task(self._serve(connection), context)

    async def _serve(self, connection: Connection) -> None:
        try:
            await connection.run(self.app)
        finally:
            self._live.discard(connection)
            self._given_up.discard(connection)
            if connection.violation is not None or connection.error is not None:
                self._failed.append(connection)
            self._ended.wake()

    def give_up(self, connection: Connection) -> str:
        """Wait for a connection no more: the test was told that the application hangs there.

        Returns:
            Where it waits.
        """
        connection.leave()
        connection.reported = True
        self._live.discard(connection)
        self._given_up.add(connection)
        self._ended.wake()
        return connection.place

    def failure_of(self, connection: Connection) -> BaseException | None:
        """What the test has to be told of a connection, once: a violation, or what the application raised."""
        return connection.failure_for(raised=self.settings.raise_app_exceptions)

    async def settle(self, seconds: float | None) -> None:
        """Wait until the application has returned from every connection.

        Args:
            seconds: how long that may take.

        Raises:
            ApplicationTimeout: one did not return; the message says where it waits.
            Exception: what the application raised meanwhile, and nobody was told of.
        """
        if not await self._wait_until_idle(seconds):
            told = "; ".join(f"{each.name} {each.place}" for each in self._live)
            raise ApplicationTimeout(f"the application did not finish in {seconds:g} s: {told}")
        while self._failed:
            failure = self.failure_of(self._failed.pop(0))
            if failure is not None:
                raise failure

    async def _wait_until_idle(self, seconds: float | None) -> bool:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds if seconds is not None else None
        while self._live:
            left = end - loop.time() if end is not None else None
            if not await self._ended.wait(left):
                return False
        return True

    def _check_running(self, request: Request) -> None:
        if self._loop is None:
            raise RuntimeError("enter the client first: `async with Client(app) as client:`")
        if not self.running:
            raise ConnectError("the application does not run any more: it was shut down", request=request)
        if self._loop is not asyncio.get_running_loop():
            raise RuntimeError(
                "the client was entered on another event loop; give the fixture and the test the same loop scope"
            )


def _task(work: Coroutine[Any, Any, None], context: contextvars.Context) -> asyncio.Task[None]:
    return asyncio.Task(work, loop=asyncio.get_running_loop(), context=context, **_EAGER)
