"""The client's side of one request, on the event loop of the application: sending, reading, and what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from typing import TYPE_CHECKING, NoReturn

from heaven_testing.clients.options import EXTENSION, NO_FAULTS, Faults
from heaven_testing.clients.response import PHRASES, TRACE, Response
from heaven_testing.errors import ApplicationTimeout, Disconnected
from heaven_testing.inprocess.pipes import pieces
from heaven_testing.library import LocalProtocolError, RemoteProtocolError

if TYPE_CHECKING:
    from heaven.types import Scope
    from heaven_testing.inprocess.exchange import Exchange
    from heaven_testing.inprocess.server import InProcessServer
    from heaven_testing.library import AsyncByteStream, Request, SyncByteStream

_CLOSED = "the server closed the connection before the response was complete"


class Transfer:
    """Lives with one request, from its first byte to the last byte of its response.

    Args:
        server: what runs the application.
        request: the request.

    Raises:
        ConnectError: the application does not run.
    """

    __slots__ = (
        "_declared", "_faults", "_is_leaving", "_left", "_read", "_request", "_seconds", "_sent", "_server", "_upload",
        "exchange",
    )  # fmt: skip

    def __init__(self, server: InProcessServer, request: Request) -> None:
        self.exchange: Exchange = server.request(request)
        self._server = server
        self._request = request
        self._faults: Faults = request.extensions.get(EXTENSION, NO_FAULTS)
        self._seconds: float | None = request.extensions.get("timeout", {}).get("read")
        self._declared = _declared_length(self.exchange.scope)
        self._sent = 0
        self._read = 0
        self._left = memoryview(b"")
        self._upload: asyncio.Task[None] | None = None
        self._is_leaving = False

    # What is sent

    def send_whole(self, content: bytes) -> None:
        """Send a body that is there as a whole, and begin.

        Raises:
            LocalProtocolError: it has another length than its Content-Length says.
        """
        if self._faults is not NO_FAULTS:
            self.send_from(_once(content))
            return
        self._sent = len(content)
        self._check_length(whole=True)
        upload = self.exchange.upload
        if content:
            for piece in pieces(content):
                upload.put(piece)
        upload.end()
        self._server.begin(self.exchange)

    def send_from(self, content: AsyncIterable[bytes]) -> None:
        """Begin, and send a body as it comes, while the response may be read already."""
        self._server.begin(self.exchange)
        self._upload = asyncio.get_running_loop().create_task(self._pump(content))

    async def _pump(self, content: AsyncIterable[bytes]) -> None:
        try:
            async for chunk in content:
                if not await self.put(chunk):
                    return
            await self.end()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - it is raised where the response is waited for
            self.exchange.interrupt(error)

    def begin(self) -> None:
        """Begin with a body of which the parts follow, by `put` and `end`."""
        self._server.begin(self.exchange)

    async def put(self, chunk: bytes) -> bool:
        """Send a part of the body, when the application has room for it.

        Returns:
            Whether there is still somebody to send to.

        Raises:
            Disconnected: the client left here, as it was told to.
            LocalProtocolError: the body is longer than its Content-Length says.
        """
        exchange, faults = self.exchange, self._faults
        for piece in pieces(chunk, faults.send_chunk or max(len(chunk), 1)):
            while exchange.upload.is_full and not exchange.takes_no_more:
                if not await exchange.upload.emptied.wait(self._seconds):
                    self._hang("did not read its body")
            if exchange.takes_no_more:
                return False
            rest = len(piece) if faults.disconnect_after is None else faults.disconnect_after - self._sent
            self._sent += len(piece[:rest])
            self._check_length(whole=False)
            if piece[:rest]:
                exchange.upload.put(piece[:rest])
            if self._sent == faults.disconnect_after:
                await self._disconnect(f"after {self._sent} bytes of its body")
            if faults.send_delay:
                await asyncio.sleep(faults.send_delay)
        return True

    async def end(self) -> None:
        """Send the end of the body.

        Raises:
            ValueError: the body was shorter than the bytes that the client was to leave after.
            LocalProtocolError: the body is shorter than its Content-Length says.
        """
        if self._faults.disconnect_after is not None:
            raise ValueError(
                f"disconnect_after={self._faults.disconnect_after}, but the body has only {self._sent} bytes"
            )
        self._check_length(whole=True)
        self.exchange.upload.end()

    def _check_length(self, *, whole: bool) -> None:
        """Hold what was sent against Content-Length: a client that counts wrong sends nothing (RFC 9112 6.2)."""
        declared, sent = self._declared, self._sent
        if declared is not None and (sent > declared or (whole and sent < declared)):
            what = "Too much" if sent > declared else "Too little"
            raise LocalProtocolError(f"{what} data for declared Content-Length: {sent} bytes, and {declared} declared")

    # What is read

    async def respond(self) -> None:
        """Wait for status and headers.

        Raises:
            ApplicationTimeout: they did not come in time.
            ConformanceError: the application broke a rule of ASGI.
            Exception: what the application raised; with `raise_app_exceptions=False` it is a 500, as from a server.
            RemoteProtocolError: the server stopped meanwhile.
        """
        exchange = self.exchange
        if exchange.status is None or exchange.over:
            if not await exchange.wait_for_head(self._seconds):
                self._hang("began no response")
            await self._raise_interruption()
            if exchange.status is None or exchange.violation is not None:
                self._raise_failure()
            if exchange.status is None:
                if exchange.gone:
                    raise RemoteProtocolError(f"{exchange.name}: {_CLOSED}", request=self._request)
                exchange.fail()

    async def read(self) -> bytes | None:
        """The next part of the response's content, None after the last one.

        Raises:
            ApplicationTimeout: it did not come in time.
            Disconnected: the client left here, as it was told to.
            ValueError: the response was shorter than the bytes that the client was to leave after.
            RemoteProtocolError: the application ended before its response did.
            ConformanceError, Exception: as in `respond`.
        """
        faults = self._faults
        if faults is NO_FAULTS:
            return await self._next()
        last = faults.disconnect_after_response
        if self._read == last:
            await self._disconnect(f"after {last} bytes of the response")
        if faults.read_delay:
            await asyncio.sleep(faults.read_delay)
        if not self._left:
            chunk = await self._next()
            if chunk is None:
                if last is not None:
                    raise ValueError(f"disconnect_after_response={last}, but the response has only {self._read} bytes")
                return None
            self._left = memoryview(chunk)  # PERF: what is left is not copied for every part of it
        size = faults.read_chunk or len(self._left)
        if last is not None:
            size = min(size, last - self._read)
        part, self._left = bytes(self._left[:size]), self._left[size:]
        self._read += len(part)
        return part

    async def _next(self) -> bytes | None:
        exchange = self.exchange
        download = exchange.download
        if not download.items and not download.ended and not await exchange.wait_for_content(self._seconds):
            self._hang("sent no more of its response")
        await self._raise_interruption()
        if exchange.violation is not None:
            self._raise_failure()
        if download.items:
            return download.take()
        if exchange.error is not None:
            self._raise_failure()
        if not exchange.complete:
            told = _CLOSED if exchange.gone else "the application ended before its response did"
            raise RemoteProtocolError(f"{exchange.name}: {told}", request=self._request)
        return None

    def content(self) -> list[bytes] | None:
        """All of the content, where nothing is left to wait for and nothing went wrong; None otherwise."""
        exchange = self.exchange
        if not exchange.complete or exchange.violation or exchange.error or self._faults is not NO_FAULTS:
            return None
        download = exchange.download
        return [download.take() for _ in range(len(download.items))]

    def response(self, content: AsyncByteStream | SyncByteStream) -> Response:
        """The response, with a stream of its content."""
        exchange = self.exchange
        extensions = exchange.extras
        extensions["http_version"] = b"HTTP/" + str(exchange.scope["http_version"]).encode()
        extensions[TRACE] = exchange.trace
        extensions["reason_phrase"] = PHRASES.get(exchange.status or 500, b"")
        # Blanks around a value are not part of it (RFC 9110 5.5), and no client shows them.
        headers = [(name, value.strip(b" \t")) for name, value in exchange.headers]
        response = Response(exchange.status or 500, headers=headers, stream=content)
        # The library would copy it; trailers are there once the content was read.
        response.extensions = extensions
        return response

    # How it ends

    async def close(self) -> None:
        """The client is done with it; it leaves if the response is not."""
        upload, self._upload = self._upload, None
        self.exchange.leave()
        if upload is not None and not upload.done():
            upload.cancel()
            await asyncio.wait((upload,), timeout=self._seconds)

    async def _disconnect(self, after: str) -> NoReturn:
        exchange = self.exchange
        self._is_leaving = True
        exchange.leave()
        if not await exchange.wait_for_end(self._seconds):
            self._hang("did not end after the client left")
        self._raise_failure()
        raise Disconnected(f"{exchange.name}: the client left {after}", exchange.trace)

    async def _raise_interruption(self) -> None:
        """Raise what the sending of the body failed with."""
        if self._is_leaving and self._upload is not None:
            await asyncio.wait((self._upload,))  # it is about to say why the client left
        if self.exchange.interrupted is not None:
            raise self.exchange.interrupted

    def _raise_failure(self) -> None:
        """Raise what the application did wrong, or raised, where the test is to be told of it."""
        failure = self._server.failure_of(self.exchange)
        if failure is not None:
            raise failure

    def _hang(self, what: str) -> NoReturn:
        place = self._server.give_up(self.exchange)
        raise ApplicationTimeout(
            f"{self.exchange.name} {what} in {self._seconds:g} s: the application {place}", request=self._request
        )


def _declared_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            if not value.isdigit():
                raise LocalProtocolError(f"the Content-Length {value!r} is no number of bytes (RFC 9110 8.6)")
            return int(value)
    return None


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
