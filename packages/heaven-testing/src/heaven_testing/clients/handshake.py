"""The handshake of a WebSocket: a request whose answer is the open socket, or the refusal."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from heaven_testing.clients.response import PHRASES, TRACE, Response
from heaven_testing.errors import ApplicationTimeout
from heaven_testing.inprocess.exchange import FAILED, FAILED_HEADERS
from heaven_testing.inprocess.socket import Handshake
from heaven_testing.library import ByteStream, Headers, RemoteProtocolError

if TYPE_CHECKING:
    from heaven_testing.inprocess.server import InProcessServer
    from heaven_testing.inprocess.socket import Socket
    from heaven_testing.library import Request

SUBPROTOCOLS = "heaven.subprotocols"
"""Under which name a request says that it is a handshake, and offers subprotocols (in its `extensions`)."""
SOCKET = "heaven.socket"
"""Under which name the response to a handshake carries the open socket (in its `extensions`)."""


def handshake_headers(given: Any, subprotocols: Sequence[str]) -> Headers:
    """The header fields of a handshake, with what the test gives beside (RFC 6455 4.1)."""
    headers = Headers(given)
    headers["connection"] = "Upgrade"
    headers["upgrade"] = "websocket"
    headers["sec-websocket-version"] = "13"
    headers["sec-websocket-key"] = base64.b64encode(os.urandom(16)).decode()
    if subprotocols:
        headers["sec-websocket-protocol"] = ", ".join(subprotocols)
    return headers


async def shake_hands(server: InProcessServer, request: Request) -> Response:
    """Offer the application a WebSocket, on its event loop.

    Returns:
        A response with the status 101 and the open socket, or the refusal.

    Raises:
        ApplicationTimeout: there was no answer in time.
        ConformanceError, Exception: what the application did wrong, or raised.
        RemoteProtocolError: it ended in the midst of a refusal.
    """
    socket = server.handshake(request, request.extensions[SUBPROTOCOLS])
    seconds: float | None = request.extensions.get("timeout", {}).get("read")
    server.begin(socket)
    try:
        if not await socket.wait_for_handshake(seconds):
            place = server.give_up(socket)
            raise ApplicationTimeout(
                f"{socket.name}: no answer to the handshake in {seconds:g} s: the application {place}", request=request
            )
        if socket.handshake is None or socket.violation is not None:
            failure = server.failure_of(socket)
            if failure is not None:
                raise failure
            if socket.is_half_denied:
                told = f"{socket.name}: the application ended before its refusal did"
                raise RemoteProtocolError(told, request=request)
    except BaseException:
        socket.leave()
        raise
    return _response(server, socket)


def _response(server: InProcessServer, socket: Socket) -> Response:
    answer = socket.handshake or Handshake(500, FAILED_HEADERS, content=FAILED)
    headers = [*answer.headers]
    phrase = PHRASES.get(answer.status, b"")
    extensions: dict[str, Any] = {"http_version": b"HTTP/1.1", "reason_phrase": phrase, TRACE: socket.trace}
    if answer.status == 101:
        extensions[SOCKET] = server, socket
        if answer.subprotocol is not None:
            headers.append((b"sec-websocket-protocol", answer.subprotocol.encode()))
    return Response(answer.status, headers=headers, stream=ByteStream(answer.content), extensions=extensions)
