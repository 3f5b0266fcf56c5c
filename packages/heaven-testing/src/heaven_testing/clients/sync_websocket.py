"""What a sync test holds of a WebSocket: the same as an async one, without `await`."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from heaven_testing.clients.handshake import SOCKET
from heaven_testing.clients.websocket import WebSocketSession
from heaven_testing.errors import WebSocketClosed, WebSocketDenied

if TYPE_CHECKING:
    from heaven_testing.clients.loop_thread import LoopThread
    from heaven_testing.clients.response import Response
    from heaven_testing.library import Client, Headers
    from heaven_testing.tracing import Trace


class SyncHandshaking:
    """What `client.ws(...)` gives: entering it opens the WebSocket, leaving it closes it.

    Args:
        client: whose base URL, headers, cookies and authentication are used.
        thread: where the application runs.
        request: the handshake, as `opening` makes it.
    """

    def __init__(self, client: Client, thread: LoopThread, request: dict[str, Any]) -> None:
        self._client = client
        self._thread = thread
        self._request = request
        self._session: SyncWebSocketSession  # there once it is entered

    def __enter__(self) -> SyncWebSocketSession:
        """Open it; errors as in `Client.ws`."""
        response: Any = self._client.send(self._client.build_request(**self._request), stream=True)
        if SOCKET not in response.extensions:
            response.read()
            response.close()
            raise WebSocketDenied(response)
        response.close()
        session = WebSocketSession(response)
        self._session = SyncWebSocketSession(session, self._thread)
        return self._session

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it, unless it is closed: with 1000, with 1011 where an exception ends the block."""
        if self._thread.running:  # with the client all that was open has ended
            self._session.leave(failed=error is not None)


class SyncWebSocketSession:
    """An open WebSocket of a `SyncClient`: everything is as with `WebSocketSession`, without `await`.

    Args:
        session: the one that does the work, on the application's event loop.
        thread: where that runs.
    """

    def __init__(self, session: WebSocketSession, thread: LoopThread) -> None:
        self._session = session
        self._run = thread.run

    @property
    def response(self) -> Response:
        """The answer to the handshake."""
        return self._session.response

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the application chose."""
        return self._session.subprotocol

    @property
    def headers(self) -> Headers:
        """The header fields of the acceptance."""
        return self._session.headers

    @property
    def trace(self) -> Trace | None:
        """Which route and hooks ran so far."""
        return self._session.trace

    def send_text(self, text: str) -> None:
        """Send a text message; errors as for `WebSocketSession.send_text`."""
        self._run(self._session.send_text(text))

    def send_bytes(self, content: bytes) -> None:
        """Send a binary message; errors as for `WebSocketSession.send_text`."""
        self._run(self._session.send_bytes(content))

    def send_json(self, value: Any) -> None:
        """Send a value as JSON, in a text message; errors as for `WebSocketSession.send_text`."""
        self._run(self._session.send_json(value))

    def receive(self, timeout: float | None = None) -> str | bytes:
        """The next message; arguments and errors as for `WebSocketSession.receive`."""
        return self._run(self._session.receive(timeout))

    def receive_text(self, timeout: float | None = None) -> str:
        """The next message, which has to be text; arguments and errors as for `WebSocketSession.receive_text`."""
        return self._run(self._session.receive_text(timeout))

    def receive_bytes(self, timeout: float | None = None) -> bytes:
        """The next message, which has to be binary; otherwise as `receive_text`."""
        return self._run(self._session.receive_bytes(timeout))

    def receive_json(self, timeout: float | None = None) -> Any:
        """The value in the next message; arguments and errors as for `WebSocketSession.receive_json`."""
        return self._run(self._session.receive_json(timeout))

    def __iter__(self) -> Iterator[str | bytes]:
        try:
            while True:
                yield self.receive()
        except WebSocketClosed:
            return

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it; arguments and errors as for `WebSocketSession.close`."""
        self._run(self._session.close(code, reason))

    def disconnect(self) -> None:
        """Vanish without a close frame; see `WebSocketSession.disconnect`."""
        self._run(self._session.disconnect())

    def leave(self, *, failed: bool) -> None:
        """Close it, unless it is closed; see `WebSocketSession.leave`."""
        self._run(self._session.leave(failed=failed))
