"""What goes wrong in a test, each thing a class of its own; all of them say where to look and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from heaven.errors import HeavenError
from heaven_testing.library import ReadTimeout

if TYPE_CHECKING:
    from heaven_testing.clients.response import Response
    from heaven_testing.conformance.rules import Rule
    from heaven_testing.library import Request
    from heaven_testing.tracing import Trace


class ConformanceError(HeavenError):
    """The application, or the server, broke a rule of the ASGI specification.

    Args:
        rule: the rule.
        detail: what was seen that breaks it.
    """

    def __init__(self, rule: Rule, detail: str) -> None:
        super().__init__(f"{detail}; {rule.text} ({rule.source}) [{rule.id}]")
        self.rule: Rule = rule
        self.detail: str = detail


class ApplicationTimeout(HeavenError, ReadTimeout):
    """The application did not do in time what the client waits for; the message says where it waits.

    It is a `ReadTimeout` of the HTTP client library as well, as a silent server would cause it.
    """

    def __init__(self, message: str, *, request: Request | None = None) -> None:
        ReadTimeout.__init__(self, message, request=request)


class StartupFailed(HeavenError):
    """The application refused to start; the cause is the exception that was raised, where the application tells it."""


class ShutdownFailed(HeavenError):
    """A step of the application's shutdown failed."""


class LeakError(HeavenError):
    """The application left something behind: tasks, open files and sockets, exceptions, or keys in its store.

    Args:
        leaks: one sentence for each.
    """

    def __init__(self, leaks: Sequence[str]) -> None:
        listed = "".join(f"\n  - {leak}" for leak in leaks)
        super().__init__(
            f"the application left something behind:{listed}\nIf it is meant to, leave it out of `leaks=`."
        )
        self.leaks: tuple[str, ...] = tuple(leaks)


class Disconnected(HeavenError):
    """The client left, as the test told it to; raised once the application is done with it.

    Args:
        trace: what ran of the application, None where it is not Heaven's.
    """

    def __init__(self, message: str, trace: Trace | None = None) -> None:
        super().__init__(message)
        self.trace: Trace | None = trace


class WebSocketDenied(HeavenError):
    """The application refused the handshake.

    Args:
        response: what it answered; a 403 without content where it only closed.
    """

    def __init__(self, response: Response) -> None:
        super().__init__(f"the handshake was refused with {response.status_code}")
        self.response: Response = response


class WebSocketClosed(HeavenError):
    """The WebSocket is closed: there is nothing more to receive, and nobody to send to.

    Args:
        code: the close code (RFC 6455 7.4).
        reason: the reason that was given.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"the WebSocket is closed with {code}" + (f": {reason}" if reason else ""))
        self.code: int = code
        self.reason: str = reason


class ServerDidNotStart(HeavenError):
    """The server ended, or answered nothing in time; the message has what it printed."""


class ServerFailed(HeavenError):
    """The server did not stop in order; the message has what it printed."""


class ServerMissing(HeavenError):
    """The program of a server is not installed; the message says how to install it."""
