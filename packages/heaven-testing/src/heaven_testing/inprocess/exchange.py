"""One request and its response: what stands between the application and the client, and behaves as a server does."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heaven_testing.inprocess.connection import ClientGone, Connection
from heaven_testing.inprocess.pipes import Pipe, pieces

if TYPE_CHECKING:
    from heaven.types import Message, RawHeaders, Scope
    from heaven_testing.conformance import Checker
    from heaven_testing.tracing import Trace

FAILED = b"Internal Server Error"
FAILED_HEADERS = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(FAILED))]
"""What a server answers in place of an application that failed."""


class Exchange(Connection):
    """Lives with one request; arguments as for `Connection`."""

    __slots__ = (
        "_gone", "_head_only", "_told_end", "_told_gone", "_trailers", "complete", "download", "extras", "headers",
        "interrupted", "status", "upload",
    )  # fmt: skip

    def __init__(self, scope: Scope, checker: Checker, trace: Trace | None, *, raises: bool = False) -> None:
        super().__init__(scope, checker, trace, raises=raises)
        self.upload: Pipe[bytes] = Pipe()
        self.download: Pipe[bytes] = Pipe()
        self.status: int | None = None
        self.headers: RawHeaders = []
        self.extras: dict[str, Any] = {}
        """What came beside the response: trailers, early hints, debug information."""
        self.complete: bool = False
        """Whether the whole response was sent."""
        self.interrupted: BaseException | None = None
        """What the client's own side failed with, such as a body that can't be read on."""
        self._head_only: bool = scope["method"] == "HEAD"
        self._trailers = False
        self._gone = False
        self._told_end = False
        self._told_gone = False

    @property
    def gone(self) -> bool:
        """Whether the client has left before the response was complete."""
        return self._gone

    # The application's side

    async def receive(self) -> Message:
        """The next message of the client (ASGI HTTP, Request and Disconnect)."""
        upload = self.upload
        while not (upload.items or (upload.ended and not self._told_end) or self._gone or self.complete):
            await upload.filled.wait()
        message: Message
        if not self.complete and (upload.items or (upload.ended and not self._told_end)):
            body = upload.take() if upload.items else b""
            self._told_end = upload.ended and not upload.items
            message = {"type": "http.request", "body": body, "more_body": not self._told_end}
        else:
            message = {"type": "http.disconnect"}
            if self._told_gone:
                await asyncio.sleep(0)  # who asks on and on is not to keep the event loop for itself
            self._told_gone = True
        self._checker.received(message)
        return message

    async def send(self, message: Message) -> None:
        """Take a message for the client (ASGI HTTP, Response Start, Response Body and extensions)."""
        download = self.download
        while download.is_full and not self._gone:
            await download.emptied.wait()
        if self._gone:
            if self._raises:
                raise ClientGone("the client has left")
            await asyncio.sleep(0)  # who sends on and on is not to keep the event loop for itself
            return
        if not self._check_sent(message):
            return
        kind = message["type"]
        if kind == "http.response.start":
            self.status = message["status"]
            self.headers = [*message.get("headers", ())]
            self._trailers = message.get("trailers", False)
            download.filled.wake()
        elif kind == "http.response.body":
            body, more = message.get("body", b""), message.get("more_body", False)
            self._put(body, ends=not more and not self._trailers)
            if more and (not body or self._head_only):
                await asyncio.sleep(0)  # what is not kept never fills the pipe, and nobody would have to wait
        else:
            await self._send_extra(kind, message)

    async def _send_extra(self, kind: str, message: Message) -> None:
        """What only a server with extensions is sent; the checker has seen that they were offered."""
        if kind == "http.response.pathsend":
            content = await asyncio.to_thread(Path(message["path"]).read_bytes)
            for piece in pieces(content):
                self._put(piece, ends=False)
            self._put(b"", ends=not self._trailers)
        elif kind == "http.response.trailers":
            self.extras.setdefault("trailers", []).extend(message.get("headers", ()))
            self._put(b"", ends=not message.get("more_trailers", False))
        elif kind == "http.response.early_hint":
            self.extras.setdefault("early_hints", []).extend(message["links"])
        else:
            self.extras[kind] = message["info"]

    def _put(self, content: bytes, *, ends: bool) -> None:
        if content and not self._head_only:
            self.download.put(content)
        if ends:
            self.complete = True
            self.download.end()
            self.upload.wake()

    # The client's side

    async def wait_for_head(self, seconds: float | None) -> bool:
        """Wait for status and headers, or for the end of the application.

        Returns:
            Whether one of them came in time.
        """
        while self.status is None and not self._is_stuck:
            if not await self.download.filled.wait(seconds):
                return False
        return True

    async def wait_for_content(self, seconds: float | None) -> bool:
        """Wait for more of the response's content, or for its end; the result as in `wait_for_head`."""
        download = self.download
        while not (download.items or download.ended or self._is_stuck):
            if not await download.filled.wait(seconds):
                return False
        return True

    async def wait_for_end(self, seconds: float | None) -> bool:
        """Wait until the application has returned; the result as in `wait_for_head`."""
        while not self.over:
            if not await self.download.filled.wait(seconds):
                return False
        return True

    @property
    def _is_stuck(self) -> bool:
        """Whether nothing more will come."""
        return self.over or self._gone or self.violation is not None

    @property
    def takes_no_more(self) -> bool:
        """Whether nobody will read more of the request's body."""
        return self.complete or self._is_stuck

    def fail(self) -> None:
        """Answer in place of an application that failed before its response began, as a server does."""
        self.status = 500
        self.headers = [*FAILED_HEADERS]
        self._put(FAILED, ends=True)

    def interrupt(self, error: BaseException) -> None:
        """The client's own side failed, and leaves."""
        self.interrupted = error
        self.leave()

    def leave(self) -> None:
        """The client closes the connection; what it had sent is still received."""
        if not self._gone and not self.complete:
            self._gone = True
            self.wake()

    def wake(self) -> None:
        """Have the application and the client look again."""
        self.upload.wake()
        self.download.wake()
