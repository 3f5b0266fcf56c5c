"""One WebSocket: handshake, messages both ways, and an end that both sides learn of, as under a server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from heaven_testing.inprocess.connection import ClientGone, Connection
from heaven_testing.inprocess.pipes import Pipe
from heaven_testing.inprocess.signals import Signal

if TYPE_CHECKING:
    from heaven.types import ASGIApp, Message, RawHeaders, Scope
    from heaven_testing.conformance import Checker
    from heaven_testing.tracing import Trace

ABNORMAL, NO_STATUS = 1006, 1005
"""Close codes that are never sent: the connection was lost, and a close without a code (RFC 6455 7.4.1)."""

State: TypeAlias = Literal["connecting", "open", "denied", "closed"]


@dataclass(slots=True)
class Handshake:
    """How the application answered: with 101 it accepted, any other status is its refusal."""

    status: int
    headers: RawHeaders = field(default_factory=list[tuple[bytes, bytes]])
    subprotocol: str | None = None
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Close:
    """How a WebSocket ended."""

    code: int
    reason: str = ""


class Socket(Connection):
    """Lives with one WebSocket; arguments as for `Connection`."""

    __slots__ = ("_denial", "_state", "_told_connect", "_told_end", "answered", "closed", "down", "handshake", "up")

    def __init__(self, scope: Scope, checker: Checker, trace: Trace | None, *, raises: bool = False) -> None:
        super().__init__(scope, checker, trace, raises=raises)
        self.handshake: Handshake | None = None
        self.answered: Signal = Signal()
        """The application has accepted, refused or returned."""
        self.up: Pipe[str | bytes] = Pipe()
        self.down: Pipe[str | bytes] = Pipe()
        self.closed: Close | None = None
        """How the connection ended, whoever ended it."""
        self._state: State = "connecting"
        self._told_connect = False
        self._told_end = False
        self._denial = Handshake(403)

    @property
    def gone(self) -> bool:
        """Whether the client has left before the application was done with it."""
        return self.closed is not None and self._state != "closed"

    @property
    def is_half_denied(self) -> bool:
        """Whether a refusal has begun, and is not complete."""
        return self._state == "denied"

    # The application's side

    async def run(self, app: ASGIApp) -> None:
        """Call the application; a server whose application has ended drops the connection, without a close frame."""
        try:
            await super().run(app)
        finally:
            self.leave()

    async def receive(self) -> Message:
        """The next message of the client (ASGI WebSocket, Connect, Receive and Disconnect)."""
        message = await self._next()
        self._checker.received(message)
        return message

    async def _next(self) -> Message:
        if not self._told_connect:
            self._told_connect = True
            return {"type": "websocket.connect"}
        while True:
            # Nothing is received before the handshake is answered, whatever the client is in a hurry to say.
            if self.up.items and self._state != "connecting":
                item = self.up.take()
                kind = "text" if isinstance(item, str) else "bytes"
                return {"type": "websocket.receive", kind: item}
            if self.closed is not None:
                if self._told_end:
                    await asyncio.sleep(0)  # one that asks on and on is not to keep the event loop from everybody else
                self._told_end = True
                return {"type": "websocket.disconnect", "code": self.closed.code, "reason": self.closed.reason}
            await self.up.filled.wait()

    async def send(self, message: Message) -> None:
        """Take a message for the client (ASGI WebSocket, Accept, Send, Close and Denial Response)."""
        while self.down.is_full and self.closed is None:
            await self.down.emptied.wait()
        if self.gone:
            if self._raises:
                raise ClientGone("the client has left")
            await asyncio.sleep(0)  # who sends on and on is not to keep the event loop for itself
            return
        if self._check_sent(message):
            self._take(message["type"], message)

    def _take(self, kind: str, message: Message) -> None:
        if kind == "websocket.accept":
            self._state = "open"
            headers = [*message.get("headers", ())]
            self.handshake = Handshake(101, headers, message.get("subprotocol"))
        elif kind == "websocket.send":
            text = message.get("text")
            self.down.put(text if text is not None else message["bytes"])
        elif kind == "websocket.close":
            if self.handshake is None:
                self.handshake = Handshake(403)
                self.closed = Close(ABNORMAL)
            else:
                self.closed = Close(message.get("code", 1000), message.get("reason") or "")
            self._state = "closed"
        elif kind == "websocket.http.response.start":
            self._state = "denied"
            self._denial = Handshake(message["status"], [*message.get("headers", ())])
        else:
            self._denial.content += message.get("body", b"")
            if not message.get("more_body", False):
                self.handshake = self._denial
                self.closed = Close(ABNORMAL)
                self._state = "closed"
        self.wake()

    # The client's side

    async def wait_for_handshake(self, seconds: float | None) -> bool:
        """Wait until the application has answered the handshake, or returned; the result says whether in time."""
        while self.handshake is None and not self.over and self.violation is None:
            if not await self.answered.wait(seconds):
                return False
        return True

    async def wait_for_message(self, seconds: float | None) -> bool:
        """Wait for a message of the application, or for the end; the result says whether one came in time."""
        while not self.down.items and self.closed is None and self.violation is None:
            if not await self.down.filled.wait(seconds):
                return False
        return True

    async def wait_for_room(self, seconds: float | None) -> bool:
        """Wait for room for a message to the application, or for the end; the result says whether it came in time."""
        while self.up.is_full and self.closed is None and self.violation is None:
            if not await self.up.emptied.wait(seconds):
                return False
        return True

    def close(self, code: int, reason: str = "") -> None:
        """The client ends the connection: by a close frame, or with 1006 without one."""
        if self.closed is None:
            self.closed = Close(code, reason)
            self.wake()

    def leave(self) -> None:
        """The client vanishes, without a close frame."""
        self.close(ABNORMAL)

    def wake(self) -> None:
        """Have the application and the client look again."""
        self.answered.wake()
        self.up.wake()
        self.down.wake()
