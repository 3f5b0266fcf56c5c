"""An application that is watched, for any server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Protocol, TypeAlias

from heaven.logs import logger
from heaven_testing.conformance.http import HTTPChecker
from heaven_testing.conformance.lifespan import LifespanChecker
from heaven_testing.conformance.scopes import check_scope
from heaven_testing.conformance.websocket import WebSocketChecker
from heaven_testing.errors import ConformanceError

if TYPE_CHECKING:
    from logging import Logger

    from heaven.types import ASGIApp, Message, Receive, Scope, Send

OnViolation: TypeAlias = Literal["raise"] | Callable[[ConformanceError], object]

log: Logger = logger("heaven.testing")


class Checker(Protocol):
    """Lives with one call of an application, and raises at the first message that breaks a rule; then it is silent."""

    def received(self, message: Message) -> None:
        """The server gives the application a message: to be called before the application has it.

        Raises:
            ConformanceError: it breaks a rule.
        """
        ...

    def sent(self, message: Message) -> None:
        """The application gives the server a message: to be called before the server has it.

        Raises:
            ConformanceError: it breaks a rule.
        """
        ...

    def left(self) -> None:
        """The server told the application by an OSError from `send` that its client is gone."""
        ...

    def returned(self) -> None:
        """The application has returned, without an exception.

        Raises:
            ConformanceError: something was left undone.
        """
        ...


def checker_for(scope: Scope) -> Checker:
    """What holds the messages of a call against the specification.

    Args:
        scope: what the application is called with; it is held against the specification at once.

    Raises:
        ConformanceError: the scope breaks a rule.

    Example:
        >>> checker = checker_for({"type": "lifespan", "asgi": {"version": "3.0"}})
        >>> try:
        ...     checker.sent({"type": "lifespan.startup.complete"})
        ... except ConformanceError as error:
        ...     error.rule.text
        'an event is answered after it was received'
    """
    return _made(check_scope(scope), scope)


def conforming(app: ASGIApp, *, on_violation: OnViolation = "raise") -> ASGIApp:
    """The application, with every message in both directions held against the ASGI specification.

    Args:
        app: any ASGI application.
        on_violation: "raise" logs the violation on `heaven.testing` and raises it inside of the call that it happened
            in: `send`, `receive`, or that of the application itself. A callable gets the error in place of that, and
            what was sent goes on its way, unless it raises. It hears of the first violation in a scope, and of the
            first one in the messages that follow.

    Raises:
        TypeError: `on_violation` is neither.

    Example:
        >>> import asyncio
        >>> from contextlib import suppress
        >>> async def hasty(scope, receive, send):
        ...     await send({"type": "http.response.body", "body": b"hello"})
        >>> found = []
        >>> app = conforming(hasty, on_violation=found.append)
        >>> async def receive(): return {"type": "http.request"}
        >>> async def send(message): pass
        >>> scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        ...          "path": "/", "query_string": b"", "headers": []}
        >>> asyncio.run(app(scope, receive, send))
        >>> found[0].rule.id
        'http-start-first'

        A server whose own mistakes are known, and are not the application's to mend:

        >>> def mostly(error):
        ...     if error.rule.id not in {"scope-client", "scope-server"}:
        ...         raise error
        >>> app = conforming(hasty, on_violation=mostly)
    """
    if on_violation != "raise" and not callable(on_violation):
        raise TypeError(f'on_violation takes "raise" or a callable, and got {on_violation!r}')
    report = _raise if on_violation == "raise" else on_violation

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        checker: Checker | None
        try:
            checker = checker_for(scope)
        except ConformanceError as error:
            report(error)
            checker = _made_anyway(scope)
            if checker is None:
                await app(scope, receive, send)
                return
        watch = _Watch(checker, receive, send, report)
        await app(scope, watch.receive, watch.send)
        watch.returned()

    return watched


def _made(kind: str, scope: Scope) -> Checker:
    if kind == "http":
        return HTTPChecker(scope)
    if kind == "websocket":
        return WebSocketChecker(scope)
    return LifespanChecker()


def _made_anyway(scope: Any) -> Checker | None:
    """The checker for a scope that breaks a rule, from what is sound in it; None where not even its type is."""
    kind = scope.get("type") if issubclass(type(scope), dict) else None
    if kind not in ("http", "websocket", "lifespan"):
        return None
    sound = {key: scope.get(key) for key, types in _NEEDED.items() if issubclass(type(scope.get(key)), types)}
    return _made(kind, sound)


# What checkers read in a scope, and the types it has there.
_NEEDED: dict[str, tuple[type, ...]] = {"method": (str,), "extensions": (dict,), "subprotocols": (list, tuple)}


class _Watch:
    """Stands between one call of an application and its server."""

    __slots__ = ("_checker", "_receive", "_report", "_send")

    def __init__(
        self, checker: Checker, receive: Receive, send: Send, report: Callable[[ConformanceError], object]
    ) -> None:
        self._checker = checker
        self._receive = receive
        self._send = send
        self._report = report

    async def receive(self) -> Message:
        message = await self._receive()
        try:
            self._checker.received(message)
        except ConformanceError as error:
            self._report(error)
        return message

    async def send(self, message: Message) -> None:
        try:
            self._checker.sent(message)
        except ConformanceError as error:
            self._report(error)
        try:
            await self._send(message)
        except OSError:
            self._checker.left()
            raise

    def returned(self) -> None:
        try:
            self._checker.returned()
        except ConformanceError as error:
            self._report(error)


def _raise(error: ConformanceError) -> NoReturn:
    log.error("%s", error)
    raise error
