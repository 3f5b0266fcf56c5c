"""A body that comes piece by piece from an async iterator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from time import monotonic
from typing import TYPE_CHECKING, Any

from heaven.errors import ClientDisconnected
from heaven.http.headers import field_value
from heaven.liveness import WhileConnected
from heaven.messages.head import BODILESS, fields, final_status

if TYPE_CHECKING:
    from heaven.messages.request import Request
    from heaven.messages.response import Response
    from heaven.types import Message, Receive, Send

LEFT = "the client left before its response was complete"

BURST = 8
"""After so many chunks a stream looks at the clock."""
TURN = 0.005
"""Seconds that a stream may go on without a pause; a server that never blocks it would hold all others up for ever."""


class StreamBody:
    r"""Sends what an async iterator yields, one ASGI message per chunk, and closes the iterator whatever happens.

    The response starts together with its first chunk: an iterator that fails before that becomes a proper error
    response. A failure after it breaks the connection off, so that no client takes half a body for a whole one.
    A client that leaves ends the iterator: a generator sees CancelledError where it waits, or GeneratorExit at its
    `yield`, and its `finally` runs. A Content-Length that was set as a header is kept.

    Args:
        iterator: gives bytes, or str (sent as UTF-8); empty chunks are left out.
        media_type: the Content-Type, where no header says it; `application/octet-stream` without either.

    Raises:
        TypeError: what was given is no async iterator.
        HeaderError: the media type holds what must not reach the wire.

    Example:
        >>> async def rows():
        ...     yield "id,total\r\n"
        ...     yield "7,12.50\r\n"
        >>> async def export(req, res, ctx):
        ...     res.body = StreamBody(rows(), "text/csv; charset=utf-8")
    """

    __slots__ = ("_chunks", "_content_type")

    def __init__(self, iterator: AsyncIterable[bytes | str], media_type: str | None = None) -> None:
        self._chunks = iterated(iterator, "stream")
        self._content_type = (b"content-type", field_value(media_type or "application/octet-stream", "content-type"))

    async def deliver(self, req: Request, res: Response, send: Send) -> None:
        """Send the response.

        Raises:
            ClientDisconnected: the client left before the end.
            TypeError: a chunk is neither bytes nor str.
        """
        begun = False
        pace = Pace()
        burst = BURST
        try:
            start = start_of_stream(res, self._content_type, length=_declared_length(res))
            if not is_bodiless(req, res):
                async with WhileConnected(watchable(req)):
                    async for chunk in self._chunks:
                        # PERF: one frame for everything that a chunk costs, and no call but the server's.
                        data = chunk if type(chunk) is bytes else _encoded(chunk)
                        if data:
                            try:
                                if not begun:
                                    begun = True
                                    await send(start)
                                    send = getattr(send, "direct", send)
                                await send({"type": "http.response.body", "body": data, "more_body": True})
                            except OSError as error:
                                raise ClientDisconnected(LEFT) from error
                        burst -= 1
                        if not burst:
                            burst = BURST
                            await pace.keep()
        finally:
            await close_iterator(self._chunks)
        if not begun:
            await send_or_leave(send, start)
        await send_or_leave(send, {"type": "http.response.body", "body": b""})


class Pace:
    """Lets other tasks run when a stream went on for long enough, so that it also learns that its client left."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until = monotonic() + TURN

    async def keep(self) -> None:
        """Go on, or let all others have their turn first."""
        if monotonic() >= self._until:
            await asyncio.sleep(0)
            self._until = monotonic() + TURN


def iterated(iterator: AsyncIterable[Any], called: str) -> AsyncIterator[Any]:
    """The iterator to go through.

    Args:
        iterator: what the application gave.
        called: what it was meant for, for the message.

    Raises:
        TypeError: it is not async.
    """
    if not hasattr(iterator, "__aiter__"):
        raise TypeError(
            f"a {called} takes an async iterator, and got {type(iterator).__name__}; "
            "write an `async def` that yields, or set res.body to what is whole already"
        )
    return aiter(iterator)


def start_of_stream(res: Response, content_type: tuple[bytes, bytes], *, length: int | None = None) -> Message:
    """The message that begins a response whose body comes in pieces.

    Args:
        res: the response.
        content_type: its Content-Type unless a header says it.
        length: how many bytes are to come, where that is known.
    """
    status = final_status(res.status)
    kind = None if status in BODILESS else content_type
    return {"type": "http.response.start", "status": status, "headers": fields(res, kind, length)}


def is_bodiless(req: Request, res: Response) -> bool:
    """Whether the response ends with its headers: to HEAD, and for 204, 205 and 304 (RFC 9110 6.4.1)."""
    return req.method == "HEAD" or res.status in BODILESS


def watchable(req: Request) -> Receive | None:
    """What tells that the client left; None where the application may still be reading the request's body from it."""
    return req.receive if req.is_complete else None


async def send_or_leave(send: Send, message: Message) -> None:
    """Send a message; a server that says with OSError that nobody is there raises ClientDisconnected."""
    try:
        await send(message)
    except OSError as error:
        raise ClientDisconnected(LEFT) from error


async def close_iterator(iterator: AsyncIterator[Any]) -> None:
    """Run what a generator has left to do; iterators that can't be closed are left alone."""
    aclose = getattr(iterator, "aclose", None)
    if aclose is not None:
        await aclose()


def _declared_length(res: Response) -> int | None:
    declared = res.headers.get("content-length", "")
    return int(declared) if declared.isdigit() else None


def _encoded(chunk: Any) -> bytes:
    if isinstance(chunk, str):
        return chunk.encode()
    if isinstance(chunk, bytes | bytearray | memoryview):
        return bytes(chunk)  # pyright: ignore[reportUnknownArgumentType]
    raise TypeError(
        f"a stream yields bytes or str, and this one yielded {type(chunk).__name__}; encode it first, "
        "as a line of JSON say, or send events with res.events(...)"
    )
