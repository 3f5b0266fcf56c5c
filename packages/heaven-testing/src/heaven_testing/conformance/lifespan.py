"""The application's life, held against the specification message by message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heaven_testing.conformance.messages import check_rest, kind_of, shown, unknown
from heaven_testing.conformance.rules import broken
from heaven_testing.errors import ConformanceError

if TYPE_CHECKING:
    from heaven.types import Message

_ANSWERS = frozenset(
    f"lifespan.{event}.{answer}" for event in ("startup", "shutdown") for answer in ("complete", "failed")
)
_TYPE = frozenset(("type",))
_FAILED_KEYS = frozenset(("type", "message"))


class LifespanChecker:
    """Lives as long as the application is served.

    An application that takes no part is as good as one that raises: servers go on without it. So it may return before
    it has received anything, and after it answered the startup.
    """

    __slots__ = ("_answers", "_received", "_silent")

    def __init__(self) -> None:
        self._received: set[str] = set()
        self._answers: dict[str, str] = {}
        self._silent = False

    def received(self, message: Message) -> None:
        """The server gives the application a message."""
        if self._silent:
            return
        try:
            kind = kind_of(message)
            if kind not in ("lifespan.startup", "lifespan.shutdown"):
                raise unknown(kind, "lifespan", "received")
            self._check_order(kind)
            check_rest(message, _TYPE, kind)
            self._received.add(kind)
        except ConformanceError:
            self._silent = True
            raise

    def sent(self, message: Message) -> None:
        """The application gives the server a message."""
        if self._silent:
            return
        try:
            kind = kind_of(message)
            if kind not in _ANSWERS:
                raise unknown(kind, "lifespan", "sent")
            event = kind.rpartition(".")[0]
            if event not in self._received:
                raise broken("lifespan-early", f"{kind} was sent before {event} was received")
            if event in self._answers:
                raise broken("lifespan-once", f"{kind} was sent after {self._answers[event]}")
            if kind.endswith("failed") and not isinstance(message.get("message", ""), str):
                raise broken("lifespan-message", f"{kind}: message is {shown(message['message'])}")
            check_rest(message, _FAILED_KEYS if kind.endswith("failed") else _TYPE, kind)
            self._answers[event] = kind
        except ConformanceError:
            self._silent = True
            raise

    def left(self) -> None:
        """There is no client that could leave; a server that is gone itself waits for no answer."""
        self._silent = True

    def returned(self) -> None:
        """The application has returned."""
        missing = self._received - self._answers.keys()
        if missing and not self._silent:
            self._silent = True
            raise broken("lifespan-unanswered", f"the application returned without an answer to {missing.pop()}")

    def _check_order(self, kind: str) -> None:
        if "lifespan.shutdown" in self._received:
            raise broken("lifespan-shutdown-last", f"{kind} came after lifespan.shutdown")
        if kind == "lifespan.startup":
            if self._received:
                raise broken("lifespan-startup-once", f"{kind} came again")
        elif not self._received:
            raise broken("lifespan-startup-first", f"{kind} came first")
        elif self._answers.get("lifespan.startup") != "lifespan.startup.complete":
            seen = self._answers.get("lifespan.startup", "no answer to the startup")
            raise broken("lifespan-shutdown-order", f"{kind} came after {seen}")
