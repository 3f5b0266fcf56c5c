"""What middleware or an interceptor did with a request, for those who go on with it or answer in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heaven.types import Message, Receive, Send


class Seen:
    """Lives with one request: the receive and send of what is outside, and what went through them.

    Args:
        receive: as it was given by what is outside.
        send: likewise.

    `started` is whether anything was sent.
    """

    __slots__ = ("_connect", "_receive", "_send", "started")

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._connect: Message | None = None
        self.started: bool = False

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        self.started = True
        await self._send(message)

    async def receive(self) -> Message:
        """Give the next message."""
        message = await self._receive()
        if message["type"] == "websocket.connect":
            self._connect = message
        return message

    async def receive_again(self) -> Message:
        """Give what a WebSocket begins with once more: it comes once, and who answers the handshake waits for it."""
        if self._connect is None:
            return await self._receive()
        connect, self._connect = self._connect, None
        return connect


__all__ = ["Seen"]
