"""A WebSocket as its handler sees it: accepted or refused, then messages both ways, until one side closes."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from heaven.bodies.json import decode_json, encode_json
from heaven.errors import BadRequest, WebSocketDisconnected, WebSocketStateError
from heaven.http.headers import field_name, field_value
from heaven.logs import logger
from heaven.messages.response import Response, messages

if TYPE_CHECKING:
    from logging import Logger

    from heaven.types import Message, RawHeaders, Receive, Scope, Send

log: Logger = logger("heaven.websocket")

State: TypeAlias = Literal["connecting", "open", "closed"]
SocketHeaders: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]

NORMAL, GOING_AWAY, NO_STATUS, ABNORMAL = 1000, 1001, 1005, 1006
UNSUPPORTED_DATA, INVALID_DATA = 1003, 1007
MAX_REASON = 123
"""Bytes: a close frame holds 125, and the code takes two of them (RFC 6455 5.5)."""


class WebSocket:
    """Lives with one connection: `async def handler(req, ws, ctx)` gets it before it is accepted.

    A client that leaves ends the handler: whatever it calls next raises WebSocketDisconnected, which Heaven takes
    for a normal end. `close_code` and `close_reason` say how it ended, once `closed` is true.

    Example:
        >>> async def echo(req, ws, ctx):
        ...     await ws.accept()
        ...     async for message in ws:
        ...         await ws.send_text(f"you said {message}")
    """

    __slots__ = (
        "_connected", "_left", "_open", "_receive", "_send", "accepted", "close_code", "close_reason", "scope", "state",
    )  # fmt: skip

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope: Scope = scope
        self.state: State = "connecting"
        self.accepted: bool = False
        self.close_code: int | None = None
        self.close_reason: str = ""
        self._receive = receive
        self._send = send
        self._connected = False
        self._open = False
        self._left = False

    @property
    def subprotocols(self) -> list[str]:
        """The subprotocols that the client offers, the one it likes best first (RFC 6455 1.9)."""
        return list(self.scope.get("subprotocols") or ())

    @property
    def closed(self) -> bool:
        """Whether the connection has ended, or was refused."""
        return self.state == "closed"

    # The handshake

    async def accept(self, subprotocol: str | None = None, headers: SocketHeaders = ()) -> None:
        """Complete the handshake; from here on messages go both ways.

        Args:
            subprotocol: one of `subprotocols`, or None for none.
            headers: sent with the handshake's response.

        Raises:
            WebSocketStateError: it was accepted or refused already.
            WebSocketDisconnected: the client left before.
            ValueError: the client doesn't offer this subprotocol.
            HeaderError: a header holds what must not reach the wire.
        """
        if subprotocol is not None and subprotocol not in self.subprotocols:
            raise ValueError(f"the client offers {self.subprotocols}, and accept got {subprotocol!r}; choose one")
        raw = _raw_headers(headers)
        await self._handshake("accept")
        await self._pass_on({"type": "websocket.accept", "subprotocol": subprotocol, "headers": raw})
        self._opened()

    async def deny(self, status: int = 403, body: Any = None, *, headers: SocketHeaders = ()) -> None:
        """Refuse the handshake with an HTTP response; a server without that extension answers 403 whatever is given.

        Args:
            status: the HTTP status, 200 to 599.
            body: bytes, str, or what is sent as JSON.
            headers: sent with the response.

        Raises:
            WebSocketStateError: it was accepted or refused already.
            WebSocketDisconnected: the client left before.
        """
        res = Response()
        res.status = status
        res.body = None if body == b"" else body
        res.headers.raw += _raw_headers(headers)
        start, content = messages(res)
        await self._handshake("deny")
        if "websocket.http.response" in (self.scope.get("extensions") or ()):
            await self._pass_on({**start, "type": "websocket.http.response.start"})
            await self._pass_on({**content, "type": "websocket.http.response.body"})
        else:
            await self._pass_on({"type": "websocket.close", "code": NORMAL, "reason": ""})
        self._ended(ABNORMAL, "")

    # Sending

    async def send_text(self, text: str) -> None:
        """Send a text message.

        Raises:
            WebSocketStateError: it is not accepted yet, or was closed by this side.
            WebSocketDisconnected: the client left.
        """
        if not self._open:
            raise self._out_of_turn("send_text")
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - `async for` gives both kinds
            raise TypeError(f"send_text got {type(text).__name__}; send_bytes and send_json are for what is no str")
        # PERF: _pass_on, written out: one frame less for each message.
        try:
            await self._send({"type": "websocket.send", "text": text})
        except (OSError, RuntimeError) as error:
            raise self._lost(error) from error

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message; raises as `send_text` does."""
        if not self._open:
            raise self._out_of_turn("send_bytes")
        if not isinstance(data, bytes):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"send_bytes got {type(data).__name__}; send_text is for str, bytes(...) for the rest")
        try:
            await self._send({"type": "websocket.send", "bytes": data})
        except (OSError, RuntimeError) as error:
            raise self._lost(error) from error

    async def send_json(self, value: Any) -> None:
        """Send a value as JSON, in a text message; raises as `send_text` does; TypeError for what is none."""
        if not self._open:
            raise self._out_of_turn("send_json")
        text = encode_json(value).decode()
        try:
            await self._send({"type": "websocket.send", "text": text})
        except (OSError, RuntimeError) as error:
            raise self._lost(error) from error

    # Receiving

    async def receive_text(self) -> str:
        """Wait for a text message.

        Raises:
            WebSocketStateError: it is not accepted yet, or was closed by this side.
            WebSocketDisconnected: the client left; or it sent a binary message, and was closed with 1003 for it.
        """
        if not self._open:
            raise self._out_of_turn("receive_text")
        message = await self._receive()
        text: str | None = message.get("text")
        if text is None:
            raise await self._misfit(message, "text was expected, and binary data came")
        return text

    async def receive_bytes(self) -> bytes:
        """Wait for a binary message; raises as `receive_text` does, with the kinds exchanged."""
        if not self._open:
            raise self._out_of_turn("receive_bytes")
        message = await self._receive()
        data: bytes | None = message.get("bytes")
        if data is None:
            raise await self._misfit(message, "binary data was expected, and text came")
        return data

    async def receive_json(self) -> Any:
        """Wait for a message, text or binary, and read it as JSON.

        Raises:
            WebSocketStateError: it is not accepted yet, or was closed by this side.
            WebSocketDisconnected: the client left; or what it sent is no JSON, and it was closed with 1007 for it.
        """
        if not self._open:
            raise self._out_of_turn("receive_json")
        message = await self._receive()
        data = message.get("bytes")
        if data is None:
            text = message.get("text")
            if text is None:
                raise await self._misfit(message, "a message was expected")
            data = text.encode()
        try:
            return decode_json(data)
        except BadRequest as error:
            raise await self._expel(INVALID_DATA, str(error.detail)) from None

    def __aiter__(self) -> WebSocket:
        """`async for message in ws`: str or bytes, until either side closes."""
        return self

    async def __anext__(self) -> str | bytes:
        """The next message."""
        if not self._open:
            if self.state == "closed":
                raise StopAsyncIteration
            raise self._out_of_turn("async for")
        message = await self._receive()
        content: str | bytes | None = message.get("text")
        if content is None:
            content = message.get("bytes")
            if content is None:
                self._take_leave(message)
                raise StopAsyncIteration
        return content

    # The end

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Close the connection; before it is accepted, refuse it (403). One that has ended already is left alone.

        Args:
            code: 1000 to 1014 without 1004, 1005 and 1006, or 3000 to 4999 (RFC 6455 7.4.2).
            reason: at most 123 bytes of UTF-8.

        Raises:
            ValueError: the code or the reason can't be sent.
        """
        if not (1000 <= code <= 1014 and code not in (1004, NO_STATUS, ABNORMAL)) and not 3000 <= code <= 4999:
            raise ValueError(f"close got the code {code!r}; give 1000, or one of your own, 4000 to 4999 (RFC 6455 7.4)")
        size = len(reason.encode())
        if size > MAX_REASON:
            raise ValueError(f"close got a reason of {size} bytes; a close frame has room for {MAX_REASON}")
        if self.state == "closed":
            return
        try:
            if self.state == "connecting":
                await self._handshake("close")
            await self._pass_on({"type": "websocket.close", "code": code, "reason": reason})
        except WebSocketDisconnected:
            return
        self._ended(code, reason)

    async def go_away(self) -> None:
        """Close an open connection because the server stops; the next call on it raises WebSocketDisconnected."""
        if self._open:
            self._ended(GOING_AWAY, "", by_client=True)
            with suppress(OSError, RuntimeError):  # the client, or the server itself, was faster
                await self._send({"type": "websocket.close", "code": GOING_AWAY, "reason": ""})

    def hand_over(self) -> tuple[Receive, Send]:
        """Receive and send for another ASGI application that takes this connection over, from its first message on.

        What passes is noted, so that `accepted` and `closed` stay true to what happens.

        Example:
            >>> async def serve(req, ws, ctx):
            ...     receive, send = ws.hand_over()
            ...     await other_application(ws.scope, receive, send)
        """

        async def receive() -> Message:
            message = await self._receive()
            if message["type"] == "websocket.connect":
                self._connected = True
            elif message["type"] == "websocket.disconnect":
                self._take_leave(message)
            return message

        def send(message: Message) -> Awaitable[None]:
            kind = message["type"]
            if kind == "websocket.accept":
                self._opened()
            elif kind == "websocket.close":
                self._ended(message.get("code", NORMAL), message.get("reason") or "")
            elif kind == "websocket.http.response.start":
                self._ended(ABNORMAL, "")
            return self._send(message)

        return receive, send

    # What happened

    async def _handshake(self, call: str) -> None:
        """Take in the connect message, which comes before all others."""
        if self.state != "connecting":
            raise self._out_of_turn(call)
        if not self._connected:
            message = await self._receive()
            if message["type"] != "websocket.connect":
                raise self._take_leave(message)
            self._connected = True

    async def _pass_on(self, message: Message) -> None:
        try:
            await self._send(message)
        except (OSError, RuntimeError) as error:
            raise self._lost(error) from error

    def _opened(self) -> None:
        self.accepted = self._open = True
        self.state = "open"

    def _ended(self, code: int, reason: str, *, by_client: bool = False) -> None:
        self._open = False
        self._left = by_client
        self.state = "closed"
        self.close_code = code
        self.close_reason = reason

    def _take_leave(self, message: Message) -> WebSocketDisconnected:
        """Note that the client closed, and give what the caller may raise."""
        code: int | None = message.get("code")
        self._ended(NO_STATUS if code is None else code, message.get("reason") or "", by_client=True)
        return self._disconnected()

    def _lost(self, error: Exception) -> WebSocketDisconnected:
        """Note that sending failed: OSError by the ASGI specification, RuntimeError by servers that closed already."""
        log.debug("the client of WebSocket %r was gone: %r", self.scope.get("path"), error)
        self._ended(ABNORMAL, "", by_client=True)
        return self._disconnected()

    async def _misfit(self, message: Message, complaint: str) -> WebSocketDisconnected:
        """Tell why a message can't be taken: it is the client's leave, or of the wrong kind and the end for it."""
        if message["type"] == "websocket.disconnect":
            return self._take_leave(message)
        return await self._expel(UNSUPPORTED_DATA, complaint)

    async def _expel(self, code: int, reason: str) -> WebSocketDisconnected:
        """Close the connection on a client that broke the rules; for the handler it is a client that left."""
        await self.close(code, reason.encode()[:MAX_REASON].decode(errors="ignore"))
        self._left = True
        return WebSocketDisconnected(code, reason)

    def _disconnected(self) -> WebSocketDisconnected:
        return WebSocketDisconnected(self.close_code or NO_STATUS, self.close_reason)

    def _out_of_turn(self, call: str) -> Exception:
        if self.state == "connecting":
            return WebSocketStateError(f"{call} came before the connection was accepted; await ws.accept() first")
        if self.state == "open":
            return WebSocketStateError(f"{call} came after the connection was accepted; end it with ws.close()")
        if self._left:
            return self._disconnected()
        return WebSocketStateError(f"{call} came after this side closed or refused the connection; return after that")

    def __repr__(self) -> str:
        """Where it goes to, and how it stands."""
        return f"<WebSocket {self.scope.get('path')!r} {self.state}>"


def _raw_headers(headers: SocketHeaders) -> RawHeaders:
    pairs: Any = headers.items() if isinstance(headers, Mapping) else headers  # pyright: ignore[reportUnknownVariableType]
    return [(field_name(_text(name)), field_value(_text(value), _text(name))) for name, value in pairs]


def _text(part: str | bytes) -> str:
    return part.decode("latin-1") if isinstance(part, bytes) else part
