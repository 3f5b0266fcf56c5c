"""Server-sent events: a stream of small text messages that a browser reads with EventSource (WHATWG HTML 9.2)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterable, Mapping
from typing import TYPE_CHECKING, Any

from heaven.bodies.json import encode_json
from heaven.errors import ClientDisconnected
from heaven.liveness import WhileConnected
from heaven.messages.streams import (
    LEFT,
    Pace,
    close_iterator,
    is_bodiless,
    iterated,
    send_or_leave,
    start_of_stream,
    watchable,
)

if TYPE_CHECKING:
    from heaven.messages.request import Request
    from heaven.messages.response import Response
    from heaven.types import Send

_FIELDS = frozenset(("data", "event", "id", "retry"))
# The only line ends of the format (WHATWG HTML 9.2.5); str.splitlines knows more.
_LINE_END = re.compile("\r\n|\r|\n")
PING = b": ping\n\n"
_CONTENT_TYPE = (b"content-type", b"text/event-stream; charset=utf-8")


def encode_event(item: str | Mapping[str, Any]) -> bytes:
    r"""One event as it goes out (WHATWG HTML 9.2.5); no value can end its line and begin another field.

    Args:
        item: the data as str, or a mapping with any of `data` (str, or a value that is sent as JSON), `event` (its
            name), `id` (str or int; the client says it when it comes back) and `retry` (milliseconds until then).

    Raises:
        TypeError: it is neither, or a value can't be written.
        ValueError: a field is unknown, has a line end or NUL, or is no number of milliseconds.

    Example:
        >>> encode_event("two\nlines")
        b'data: two\ndata: lines\n\n'
        >>> encode_event({"event": "created", "id": 7, "data": {"total": 12}})
        b'event: created\nid: 7\ndata: {"total":12}\n\n'
    """
    if isinstance(item, str):
        return (_data_lines(item) + "\n").encode()
    if not isinstance(item, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - what users yield is unchecked
        raise TypeError(
            f"an event is a str or a mapping with data, event, id and retry, and this is {type(item).__name__}; "
            'wrap it as {"data": value} to send it as JSON'
        )
    if not item.keys() <= _FIELDS:
        unknown = ", ".join(sorted(repr(name) for name in item.keys() - _FIELDS))
        raise ValueError(f"an event has data, event, id and retry, and no {unknown}; put it into data")
    text = ""
    if "event" in item:
        text += f"event: {_single_line('event', item['event'])}\n"
    if "id" in item:
        text += f"id: {_single_line('id', item['id'])}\n"
    if "retry" in item:
        text += f"retry: {_milliseconds(item['retry'])}\n"
    if "data" in item:
        data = item["data"]
        text += _data_lines(data if isinstance(data, str) else encode_json(data).decode())
    elif "event" in item:
        text += "data:\n"  # without data, a client would not pass the event on
    return (text + "\n").encode()


class EventStream:
    """Sends events until the iterator, the client or the server ends; then the iterator is closed.

    The response starts at once, so that a client knows that it is connected. The iterator runs in the request's
    task; while it is silent, comments keep the connection from being taken for dead. At shutdown the response ends
    cleanly, and browsers come back by themselves.

    Args:
        iterator: gives what `encode_event` takes.
        ping: seconds of silence after which a comment is sent.
        retry: milliseconds after which a client that lost the connection may come back.
        stopping: what says that the server stops, where it is not the application's own.

    Raises:
        TypeError: what was given is no async iterator.
        ValueError: `ping` is not above 0, or `retry` no number of milliseconds.

    Example:
        >>> async def ticks():
        ...     for number in range(3):
        ...         yield {"event": "tick", "data": {"number": number}}
        >>> async def clock(req, res, ctx):
        ...     res.body = EventStream(ticks(), retry=3000)
    """

    __slots__ = ("_events", "_ping", "_retry")

    def __init__(
        self,
        iterator: AsyncIterable[str | Mapping[str, Any]],
        *,
        ping: float = 15.0,
        retry: int | None = None,
    ) -> None:
        if not ping > 0:
            raise ValueError(f"an event stream got ping={ping!r}; give the seconds of silence it ends, above 0")
        self._events = iterated(iterator, "stream of events")
        self._ping = ping
        self._retry = b"" if retry is None else encode_event({"retry": retry})

    async def deliver(self, req: Request, res: Response, send: Send) -> None:
        """Send the response.

        Raises:
            ClientDisconnected: the client left.
            TypeError: an event can't be written.
            ValueError: an event has a field that it can't have.
        """
        res.headers.setdefault("cache-control", "no-store")
        res.headers.setdefault("x-accel-buffering", "no")  # nginx would hold events back
        try:
            await send_or_leave(send, start_of_stream(res, _CONTENT_TYPE))
            if not is_bodiless(req, res):
                async with WhileConnected(watchable(req), stopping=req.site.stopping) as connected:
                    pings = _Pings(send, self._ping)
                    async with connected.beside(pings.run()):
                        await self._send_events(send, pings)
        finally:
            await close_iterator(self._events)
        await send_or_leave(send, {"type": "http.response.body", "body": b""})

    async def _send_events(self, send: Send, pings: _Pings) -> None:
        if self._retry:
            await send_or_leave(send, {"type": "http.response.body", "body": self._retry, "more_body": True})
        # PERF: two flags instead of a lock, and no frame but the server's: 3.9 instead of 5.3 times a bare loop.
        pace = Pace()
        async for event in self._events:
            content = encode_event(event)
            while not pings.free.is_set():
                await pings.free.wait()
            pings.sending = True
            try:
                await send({"type": "http.response.body", "body": content, "more_body": True})
            except OSError as error:
                raise ClientDisconnected(LEFT) from error
            pings.sent()
            await pace.keep()


class _Pings:
    """Sends a comment whenever nothing was sent for a while; never beside another message, nor another beside it."""

    __slots__ = ("_loop", "_pause", "_send", "due", "free", "sending")

    def __init__(self, send: Send, pause: float) -> None:
        self._send = send
        self._pause = pause
        self._loop = asyncio.get_running_loop()
        self.due = self._loop.time() + pause
        self.sending = False
        self.free = asyncio.Event()
        self.free.set()

    async def run(self) -> None:
        while True:
            rest = self.due - self._loop.time()
            if rest > 0 or self.sending:
                await asyncio.sleep(rest if rest > 0 else self._pause / 4)
                continue
            self.free.clear()
            try:
                await send_or_leave(self._send, {"type": "http.response.body", "body": PING, "more_body": True})
            finally:
                self.free.set()
            self.sent()
            await asyncio.sleep(self._pause)  # an event that waits for this ping goes before the next

    def sent(self) -> None:
        self.sending = False
        self.due = self._loop.time() + self._pause


def _data_lines(text: str) -> str:
    if "\n" not in text and "\r" not in text:
        return f"data: {text}\n"
    return "".join(f"data: {line}\n" for line in _LINE_END.split(text))


def _single_line(field: str, value: object) -> str:
    if not isinstance(value, str | int):
        raise TypeError(f"the {field} of an event is a str, and this is {type(value).__name__}")
    text = str(value)
    if "\n" in text or "\r" in text or "\0" in text:
        raise ValueError(f"the {field} of an event is one line without NUL, and this is {text[:80]!r}")
    return text


def _milliseconds(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"the retry of an event is a whole number of milliseconds, and this is {value!r}")
    return value
