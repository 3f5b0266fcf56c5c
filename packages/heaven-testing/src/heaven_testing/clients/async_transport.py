"""How the HTTP client library reaches the application from an async test."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import TYPE_CHECKING

from heaven_testing.clients.handshake import SUBPROTOCOLS, shake_hands
from heaven_testing.clients.transfer import Transfer
from heaven_testing.library import AsyncBaseTransport, AsyncByteStream, ByteStream

if TYPE_CHECKING:
    from heaven_testing.clients.response import Response
    from heaven_testing.inprocess.server import InProcessServer
    from heaven_testing.library import Request


class AsyncTransport(AsyncBaseTransport):
    """A transport of the HTTP client library, to an application on the same event loop.

    Args:
        server: what runs the application.
    """

    def __init__(self, server: InProcessServer) -> None:
        self._server = server

    async def handle_async_request(self, request: Request) -> Response:
        """Send a request to the application, and wait for status and headers."""
        if SUBPROTOCOLS in request.extensions:
            return await shake_hands(self._server, request)
        transfer = Transfer(self._server, request)
        stream = request.stream
        try:
            if isinstance(stream, ByteStream):
                transfer.send_whole(b"".join(stream))
            else:
                transfer.send_from(_checked(stream))
            await transfer.respond()
        except BaseException:
            await transfer.close()
            raise
        return transfer.response(_Content(transfer))


def _checked(stream: object) -> AsyncIterable[bytes]:
    if not isinstance(stream, AsyncByteStream):
        raise TypeError("the body of an async request is read with `async for`; give bytes or an async iterator")
    return stream


class _Content(AsyncByteStream):
    """The content of a response, as the application sends it."""

    __slots__ = ("_transfer",)

    def __init__(self, transfer: Transfer) -> None:
        self._transfer = transfer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        transfer = self._transfer
        while (chunk := await transfer.read()) is not None:
            yield chunk

    async def aclose(self) -> None:
        await self._transfer.close()
