"""What a test holds of a WebSocket: what it sends, receives and closes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from heaven_testing.clients.handshake import SOCKET, SUBPROTOCOLS, handshake_headers
from heaven_testing.errors import ApplicationTimeout, WebSocketClosed, WebSocketDenied
from heaven_testing.inprocess.scopes import HTTP_SCHEMES
from heaven_testing.library import URL

if TYPE_CHECKING:
    from heaven_testing.clients.response import Response
    from heaven_testing.inprocess.server import InProcessServer
    from heaven_testing.inprocess.socket import Socket
    from heaven_testing.library import AsyncClient, Headers
    from heaven_testing.tracing import Trace


class Handshaking:
    """What `client.ws(...)` gives: entering it opens the WebSocket, leaving it closes it.

    Args:
        client: whose base URL, headers, cookies and authentication are used.
        request: the handshake, as `opening` makes it.
    """

    def __init__(self, client: AsyncClient, request: dict[str, Any]) -> None:
        self._client = client
        self._request = request
        self._session: WebSocketSession  # there once it is entered

    async def __aenter__(self) -> WebSocketSession:
        """Open it.

        Raises:
            WebSocketDenied: the application refused.
            ApplicationTimeout: it did not answer in time.
        """
        response: Any = await self._client.send(self._client.build_request(**self._request), stream=True)
        if SOCKET not in response.extensions:
            await response.aread()
            await response.aclose()
            raise WebSocketDenied(response)
        await response.aclose()
        self._session = WebSocketSession(response)
        return self._session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it, unless it is closed: with 1000, with 1011 where an exception ends the block.

        Raises:
            ConformanceError, Exception: what the application did wrong, or raised, and nobody was told of.
        """
        await self._session.leave(failed=error is not None)


def opening(url: str, subprotocols: Sequence[str], options: dict[str, Any], timeout: float | None) -> dict[str, Any]:
    """A handshake as `client.build_request` takes it."""
    if isinstance(subprotocols, str):
        raise TypeError(f"subprotocols={subprotocols!r} is a str; give a list of them, as in [{subprotocols!r}]")
    parsed = URL(url)
    if parsed.scheme in HTTP_SCHEMES:
        parsed = parsed.copy_with(scheme=HTTP_SCHEMES[parsed.scheme])
    timeouts = {} if timeout is None else {"timeout": timeout}
    headers = handshake_headers(options.get("headers"), subprotocols)
    extensions = {SUBPROTOCOLS: [*subprotocols]}
    return {**options, **timeouts, "method": "GET", "url": parsed, "headers": headers, "extensions": extensions}


class WebSocketSession:
    """An open WebSocket, the client's side of it; `async for message in ws` receives until it is closed.

    Args:
        response: the application's answer to the handshake.

    Example:
        >>> import asyncio, heaven
        >>> from heaven_testing import Client
        >>> app = heaven.App()
        >>> async def echo(req, ws, ctx):
        ...     await ws.accept()
        ...     async for message in ws:
        ...         await ws.send_text(message.upper())
        >>> _ = app.WS("/echo", echo)
        >>> async def talk():
        ...     async with Client(app) as client, client.ws("/echo") as ws:
        ...         await ws.send_text("hello")
        ...         return await ws.receive_text()
        >>> asyncio.run(talk())
        'HELLO'
    """

    def __init__(self, response: Response) -> None:
        self.response: Response = response
        self._server: InProcessServer
        self._socket: Socket
        self._server, self._socket = response.extensions[SOCKET]
        self._seconds: float | None = response.request.extensions.get("timeout", {}).get("read")

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the application chose."""
        handshake = self._socket.handshake
        return handshake.subprotocol if handshake is not None else None

    @property
    def headers(self) -> Headers:
        """The header fields of the acceptance."""
        return self.response.headers

    @property
    def trace(self) -> Trace | None:
        """Which route and hooks ran so far; None where the application is not Heaven's."""
        return self._socket.trace

    async def send_text(self, text: str) -> None:
        """Send a text message.

        Raises:
            WebSocketClosed: nobody is there to receive it.
            TypeError: it is no str.
            UnicodeEncodeError: it has no UTF-8.
            ApplicationTimeout: the application receives nothing, and there is no more room.
        """
        checked = _checked_text(text)
        if not checked.isascii():
            checked.encode()  # half of a surrogate pair can't be sent: UnicodeEncodeError
        await self._send(checked)

    async def send_bytes(self, content: bytes) -> None:
        """Send a binary message; errors as for `send_text`."""
        await self._send(_checked_bytes(content))

    async def send_json(self, value: Any) -> None:
        """Send a value as JSON, in a text message; errors as for `send_text`."""
        await self._send(json.dumps(value))

    async def receive(self, timeout: float | None = None) -> str | bytes:
        """The next message.

        Args:
            timeout: seconds to wait for it; None for as long as the client waits for anything.

        Raises:
            WebSocketClosed: the application closed, or ended.
            ApplicationTimeout: nothing came in time; the message says where the application waits.
            ConformanceError, Exception: what the application did wrong, or raised.
        """
        socket = self._socket
        seconds = self._seconds if timeout is None else timeout
        if not await socket.wait_for_message(seconds):
            self._hang("sent nothing", seconds)
        if not socket.down.items or socket.violation is not None:
            self._raise_failure()
            self._raise_closed()
        return socket.down.take()

    async def receive_text(self, timeout: float | None = None) -> str:
        """The next message, which has to be text; arguments and errors as for `receive`.

        Raises:
            TypeError: it is binary.
        """
        return _checked_text(await self.receive(timeout))

    async def receive_bytes(self, timeout: float | None = None) -> bytes:
        """The next message, which has to be binary; otherwise as `receive_text`."""
        return _checked_bytes(await self.receive(timeout))

    async def receive_json(self, timeout: float | None = None) -> Any:
        """The value in the next message; arguments and errors as for `receive`.

        Raises:
            ValueError: it is no JSON.
        """
        return json.loads(await self.receive(timeout))

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        try:
            while True:
                yield await self.receive()
        except WebSocketClosed:
            return

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it (RFC 6455 7.1.1).

        Args:
            code: 1000, or one from 3000 to 4999 that the two sides agree on.
            reason: at most 123 bytes of UTF-8.

        Raises:
            ValueError: a client can't send this code or reason.
        """
        if code != 1000 and not (3000 <= code <= 4999 or code in _CLIENT_CODES):
            raise ValueError(f"a client can't close with {code}; give 1000, or a code from 3000 to 4999")
        if len(reason.encode()) > 123:
            raise ValueError(f"the reason has {len(reason.encode())} bytes; at most 123 fit into a close frame")
        self._socket.close(code, reason)

    async def disconnect(self) -> None:
        """Vanish without a close frame, as a client does that loses its network: the application sees 1006."""
        self._socket.leave()

    async def leave(self, *, failed: bool) -> None:
        """Close it, unless it is closed: with 1000, or 1011 where the client has failed (RFC 6455 7.4.1).

        Raises:
            ConformanceError, Exception: what the application did wrong, or raised; not where the client has `failed`.
        """
        self._socket.close(1011 if failed else 1000)
        if not failed:
            self._raise_failure()

    async def _send(self, message: str | bytes) -> None:
        socket = self._socket
        if not await socket.wait_for_room(self._seconds):
            self._hang("received nothing", self._seconds)
        if socket.closed is not None or socket.violation is not None:
            self._raise_failure()
            self._raise_closed()
        socket.up.put(message)

    def _raise_failure(self) -> None:
        failure = self._server.failure_of(self._socket)
        if failure is not None:
            raise failure

    def _raise_closed(self) -> NoReturn:
        closed = self._socket.closed
        raise WebSocketClosed(closed.code, closed.reason) if closed is not None else WebSocketClosed(1006)

    def _hang(self, what: str, seconds: float | None) -> NoReturn:
        socket = self._socket
        raise ApplicationTimeout(f"{socket.name}: the application {what} in {seconds:g} s: it {socket.place}")


_CLIENT_CODES = frozenset((1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011))
"""What else a client may send (RFC 6455 7.4.1)."""


def _checked_text(message: str | bytes) -> str:
    if not isinstance(message, str):
        raise TypeError(f"the message is binary, not text: {message!r:.200}")
    return message


def _checked_bytes(message: str | bytes | bytearray | memoryview) -> bytes:
    if not isinstance(message, (bytes, bytearray, memoryview)):
        raise TypeError(f"the message is text, not binary: {message!r:.200}")
    return bytes(message)
