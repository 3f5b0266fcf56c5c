"""How the HTTP client library reaches the application from a sync test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from heaven_testing.clients.handshake import SUBPROTOCOLS, shake_hands
from heaven_testing.clients.transfer import Transfer
from heaven_testing.library import BaseTransport, ByteStream, SyncByteStream

if TYPE_CHECKING:
    from heaven_testing.clients.loop_thread import LoopThread
    from heaven_testing.clients.response import Response
    from heaven_testing.inprocess.server import InProcessServer
    from heaven_testing.library import Request


class SyncTransport(BaseTransport):
    """A transport of the HTTP client library, to an application on the event loop of another thread.

    Args:
        server: what runs the application.
        thread: the thread it runs in.
    """

    def __init__(self, server: InProcessServer, thread: LoopThread) -> None:
        self._server = server
        self._thread = thread

    def handle_request(self, request: Request) -> Response:
        """Send a request to the application, and wait for status and headers."""
        if SUBPROTOCOLS in request.extensions:
            return self._thread.run(shake_hands(self._server, request))
        stream = request.stream
        if isinstance(stream, ByteStream):
            transfer, content = self._thread.run(self._send_whole(request, b"".join(stream)))
        else:
            transfer, content = self._send_parts(request, stream), None
        return transfer.response(_Content(transfer, content, self._thread))

    async def _send_whole(self, request: Request, body: bytes) -> tuple[Transfer, Sequence[bytes] | None]:
        transfer = Transfer(self._server, request)
        try:
            transfer.send_whole(body)
            await transfer.respond()
        except BaseException:
            await transfer.close()
            raise
        # PERF: a response that is there already crosses between the threads with its headers: -40% on a hello.
        return transfer, transfer.content()

    def _send_parts(self, request: Request, stream: object) -> Transfer:
        """Send a body of which the parts are made in the test's thread, each when there is room for it."""
        if not isinstance(stream, SyncByteStream):
            raise TypeError("the body of a sync request is read with `for`; give bytes or an iterator")
        run = self._thread.run
        transfer = run(self._begin(request))
        try:
            if all(run(transfer.put(chunk)) for chunk in stream):
                run(transfer.end())
            run(transfer.respond())
        except BaseException:
            run(transfer.close())
            raise
        return transfer

    async def _begin(self, request: Request) -> Transfer:
        transfer = Transfer(self._server, request)
        transfer.begin()
        return transfer


class _Content(SyncByteStream):
    """The content of a response, as the application sends it."""

    __slots__ = ("_content", "_thread", "_transfer")

    def __init__(self, transfer: Transfer, content: Sequence[bytes] | None, thread: LoopThread) -> None:
        self._transfer = transfer
        self._content = content
        self._thread = thread

    def __iter__(self) -> Iterator[bytes]:
        if self._content is not None:
            yield from self._content
            return
        while (chunk := self._thread.run(self._transfer.read())) is not None:
            yield chunk

    def close(self) -> None:
        if self._content is None and self._thread.running:  # with the client all that was open has ended
            self._thread.run(self._transfer.close())
