"""The application's life: startup before the first request, shutdown after the last one."""

from __future__ import annotations

import asyncio
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from heaven_testing.conformance import checker_for
from heaven_testing.errors import ApplicationTimeout, ConformanceError, ShutdownFailed, StartupFailed
from heaven_testing.inprocess.signals import Signal
from heaven_testing.inprocess.waiting import where

if TYPE_CHECKING:
    from contextvars import Context

    from heaven.types import ASGIApp, Message

Mode: TypeAlias = Literal["auto", "on", "off"]


class Lifespan:
    """Lives as long as the server: speaks the lifespan protocol in a task of its own (ASGI Lifespan).

    Args:
        app: the application.
        state: what it may leave for its requests.
        mode: "on": an application that does not know the protocol is an error; "auto": it is served without.
    """

    def __init__(self, app: ASGIApp, state: dict[str, Any], mode: Mode) -> None:
        self._app = app
        self._mode = mode
        self._scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
        self._checker = checker_for(self._scope)
        self._events: list[str] = []
        self._asked = Signal()
        self._answered = Signal()
        self._received = False
        self._answers: dict[str, Message] = {}
        self._error: BaseException | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, context: Context, seconds: float | None) -> None:
        """Send `lifespan.startup`, and wait until the application has started.

        Args:
            context: what the application's context variables are to be.
            seconds: how long that may take.

        Raises:
            StartupFailed: it said so, or raised; the cause is what was raised.
            ApplicationTimeout: it did not answer in time.
        """
        self._events.append("lifespan.startup")
        self._task = asyncio.get_running_loop().create_task(self._run(), context=context)
        answer = await self._answer("startup", seconds)
        self._raise_beyond()
        if answer is not None and answer["type"] == "lifespan.startup.complete":
            return
        if answer is None and self._mode == "auto" and not self._received:
            return  # it raised at the sight of the scope, or returned: it does not know the protocol
        if answer is not None:
            await asyncio.wait((self._task,), timeout=seconds)  # an application may raise after it said that it failed
        cause = self._error or getattr(self._app, "startup_error", None)
        told = answer.get("message", "") if answer is not None else ""
        reason = f"{type(cause).__name__}: {cause}" if cause is not None else told or "it ended without an answer"
        raise StartupFailed(f"the application did not start: {reason}") from cause

    async def stop(self, seconds: float | None) -> None:
        """Send `lifespan.shutdown`, and wait until the application has stopped.

        Raises:
            ShutdownFailed: it said so, or raised.
            ApplicationTimeout: it did not stop in time.
        """
        task = self._task
        if task is None or (task.done() and (self._error is None or "lifespan.startup.complete" not in self._answers)):
            return  # it takes no part, or no more
        self._events.append("lifespan.shutdown")
        self._asked.wake()
        answer = await self._answer("shutdown", seconds)
        self._raise_beyond()
        await asyncio.wait((task,), timeout=seconds)
        if not task.done():
            raise ApplicationTimeout(
                f"the application did not return in {seconds:g} s after its shutdown: {where(task)}"
            )
        if self._error is not None:
            told = f"{type(self._error).__name__}: {self._error}"
        elif answer is not None and answer["type"] == "lifespan.shutdown.failed":
            told = answer.get("message", "")
        else:
            return
        raise ShutdownFailed(f"the application did not shut down in order: {told}") from self._error

    def cancel(self) -> None:
        """End the application's task, whatever it does."""
        if self._task is not None:
            self._task.cancel()

    async def _answer(self, phase: str, seconds: float | None) -> Message | None:
        """What the application said to an event, None where it ended without a word."""
        task = self._task
        while task is not None and not task.done():
            for outcome in ("complete", "failed"):
                if (answer := self._answers.get(f"lifespan.{phase}.{outcome}")) is not None:
                    return answer
            if isinstance(self._error, ConformanceError):
                return None
            if not await self._answered.wait(seconds):
                raise ApplicationTimeout(f"{phase} did not finish in {seconds:g} s: the application {where(task)}")
        return self._answers.get(f"lifespan.{phase}.complete") or self._answers.get(f"lifespan.{phase}.failed")

    def _raise_beyond(self) -> None:
        """Raise what is no failure of a step: a broken rule, an outcome of the test, Ctrl-C."""
        error = self._error
        if isinstance(error, ConformanceError) or not isinstance(error, (Exception, asyncio.CancelledError, NoneType)):
            raise error

    async def _run(self) -> None:
        try:
            await self._app(self._scope, self._receive, self._send)
            self._checker.returned()
        except BaseException as error:  # noqa: BLE001 - whoever waits for the answer raises it
            self._error = self._error or error
        finally:
            self._answered.wake()

    async def _receive(self) -> Message:
        self._received = True
        while not self._events:
            await self._asked.wait()
        message: Message = {"type": self._events.pop(0)}
        self._checker.received(message)
        return message

    async def _send(self, message: Message) -> None:
        try:
            self._checker.sent(message)
        except ConformanceError as error:
            self._error = self._error or error
            self._answered.wake()
            raise
        self._answers[message["type"]] = message
        self._answered.wake()
