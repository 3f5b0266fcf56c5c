"""What requests and WebSockets have in common: the application is called once for each, and how that ends is noted."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from heaven_testing.errors import ConformanceError
from heaven_testing.inprocess.waiting import where

if TYPE_CHECKING:
    from heaven.types import ASGIApp, Message, Scope
    from heaven_testing.conformance import Checker
    from heaven_testing.tracing import Trace


class ClientGone(OSError):
    """What `send` raises after the client left, under servers that raise (ASGI HTTP, Disconnected Client)."""


class Connection(ABC):
    """Lives with one call of the application.

    Args:
        scope: what the application is told.
        checker: what holds every message against the specification.
        trace: where it is noted what ran of the application, None where it is not Heaven's.
        raises: `send` raises once the client left; it is quiet otherwise.
    """

    __slots__ = ("_checker", "_raises", "error", "over", "reported", "scope", "task", "trace", "violation")

    def __init__(self, scope: Scope, checker: Checker, trace: Trace | None, *, raises: bool = False) -> None:
        self.scope: Scope = scope
        self.trace: Trace | None = trace
        self.task: asyncio.Task[None] | None = None
        self.over: bool = False
        """Whether the application has returned."""
        self.error: BaseException | None = None
        """What the application raised."""
        self.violation: ConformanceError | None = None
        self.reported: bool = False
        """Whether somebody was told of the error or the violation."""
        self._checker = checker
        self._raises = raises

    @property
    def name(self) -> str:
        """How a message calls it: `GET /orders`."""
        return f"{self.scope.get('method', 'WEBSOCKET')} {self.scope['path']}"

    @property
    def place(self) -> str:
        """Where the application waits, in words."""
        return where(self.task) if self.task is not None else "was not called"

    @property
    @abstractmethod
    def gone(self) -> bool:
        """Whether the client has left before the application was done with it."""

    async def run(self, app: ASGIApp) -> None:
        """Call the application, and note how that ends."""
        try:
            await app(self.scope, self.receive, self.send)
            if not self.gone:
                self._checker.returned()
        except ClientGone:
            pass  # a server is no more surprised than the application was (ASGI HTTP, Disconnected Client)
        except ConformanceError as error:
            self.violation = self.violation or error
        except asyncio.CancelledError as error:
            self.error = error
            raise
        except BaseException as error:  # noqa: BLE001 - who waits for the response raises it, Ctrl-C as well
            self.error = error
        finally:
            self.over = True
            self.wake()

    @abstractmethod
    async def receive(self) -> Message:
        """The next message for the application."""

    @abstractmethod
    async def send(self, message: Message) -> None:
        """Take a message of the application."""

    @abstractmethod
    def wake(self) -> None:
        """Have everyone who waits look again."""

    @abstractmethod
    def leave(self) -> None:
        """The client closes the connection, without a word."""

    def failure_for(self, *, raised: bool) -> BaseException | None:
        """What the test has to be told of, once.

        Args:
            raised: whether that is also what the application raised; a violation of the specification it always is,
                and so is what is no Exception: an outcome of the test (`pytest.fail`), `sys.exit()`, Ctrl-C.
        """
        error = self.error
        outcome = error is not None and not isinstance(error, (Exception, asyncio.CancelledError))
        failure = self.violation or (error if raised or outcome else None)
        if failure is None or self.reported:
            return None
        self.reported = True
        if isinstance(failure, asyncio.CancelledError):
            # As it is it would count as the end of the test's own task, which a task group takes for no failure.
            told = RuntimeError(f"{self.name}: the application raised CancelledError, and nobody had cancelled it")
            told.__cause__ = failure
            return told
        return failure

    def _check_sent(self, message: Message) -> bool:
        """Hold a message of the application against the specification.

        Returns:
            Whether it counts: what follows a violation means nothing.

        Raises:
            ConformanceError: it breaks a rule.
        """
        try:
            self._checker.sent(message)
        except ConformanceError as error:
            self.violation = error
            self.wake()
            raise
        return self.violation is None
