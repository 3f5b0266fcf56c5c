"""Bodies that come piece by piece: what is sent when, and that the iterator is always closed."""

from __future__ import annotations

import asyncio
import doctest
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

import heaven.messages.streams
from driver import http_scope, request
from heaven import App
from heaven.errors import ClientDisconnected, HeaderError
from heaven.messages.request import Request
from heaven.messages.response import Response
from heaven.messages.site import Site
from heaven.messages.streams import StreamBody

EVER = 3600


class Wire:
    """What a server is to a body: it takes messages, fails from one of them on, and says when the client left."""

    def __init__(self, fails_at: int | None = None, error: BaseException | None = None) -> None:
        self.messages: list[Any] = []
        self.fails_at = fails_at
        self.error = error or OSError("gone")
        self.left = asyncio.Event()
        self.received = 0

    async def send(self, message: Any) -> None:
        if len(self.messages) == self.fails_at:
            raise self.error
        self.messages.append(message)

    async def receive(self) -> Any:
        self.received += 1
        await self.left.wait()
        return {"type": "http.disconnect"}

    @property
    def body(self) -> list[bytes]:
        return [message["body"] for message in self.messages[1:]]


class Source:
    """An async generator that notes how it ended."""

    def __init__(self, *chunks: Any, then: Callable[[], Awaitable[None]] | None = None) -> None:
        self.ended: list[str] = []
        self.iterator = self._run(chunks, then)

    async def _run(self, chunks: Any, then: Any) -> AsyncIterator[Any]:
        try:
            for chunk in chunks:
                yield chunk
            if then is not None:
                await then()
        except BaseException as error:
            self.ended.append(type(error).__name__)
            raise
        finally:
            self.ended.append("finally")


async def wait_for_ever() -> None:
    await asyncio.sleep(EVER)


async def fail() -> None:
    raise ZeroDivisionError


def a_request(wire: Wire, method: str = "GET", **site: Any) -> Request:
    return Request(http_scope(method), wire.receive, Site(App(), **site), {})


async def deliver(wire: Wire, body: Any, res: Response | None = None, method: str = "GET", **site: Any) -> Response:
    res = res or Response()
    await body.deliver(a_request(wire, method, **site), res, wire.send)
    return res


def test_examples() -> None:
    """The examples in the docstrings run."""
    assert doctest.testmod(heaven.messages.streams).failed == 0


async def test_one_message_per_chunk() -> None:
    """The start, one message for each chunk that is not empty, and an empty last one."""
    wire = Wire()
    source = Source(b"one", "zwö", b"", "", bytearray(b"three"), memoryview(b"four"))
    await deliver(wire, StreamBody(source.iterator))
    assert wire.messages == [
        {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/octet-stream")]},
        {"type": "http.response.body", "body": b"one", "more_body": True},
        {"type": "http.response.body", "body": "zwö".encode(), "more_body": True},
        {"type": "http.response.body", "body": b"three", "more_body": True},
        {"type": "http.response.body", "body": b"four", "more_body": True},
        {"type": "http.response.body", "body": b""},
    ]
    assert source.ended == ["finally"]


async def test_a_short_stream_never_calls_receive() -> None:
    """What is over at once costs no task that watches the client."""
    wire = Wire()
    await deliver(wire, StreamBody(Source(b"one").iterator))
    assert wire.received == 0


async def test_the_application_streams_what_a_handler_returns() -> None:
    """Through the whole application: `res.stream(...)`, and an async generator that is returned."""
    app = App()

    async def rows() -> AsyncIterator[str]:
        yield "a,"
        yield "b"

    async def returned(req: Any, res: Any, ctx: Any) -> Any:
        return rows()

    async def called(req: Any, res: Any, ctx: Any) -> None:
        res.stream(rows(), "text/csv")

    app.GET("/returned", returned)
    app.GET("/called", called)
    reply = await request(app, "GET", "/returned")
    assert (reply.status, reply.body, reply.headers["content-type"]) == (200, b"a,b", "application/octet-stream")
    reply = await request(app, "GET", "/called")
    assert (reply.status, reply.body, reply.headers["content-type"]) == (200, b"a,b", "text/csv")
    reply = await request(app, "HEAD", "/called")
    assert (reply.status, reply.body, reply.headers["content-type"]) == (200, b"", "text/csv")


@pytest.mark.parametrize(
    ("declared", "expected"), [("6", [(b"content-length", b"6")]), ("six", []), ("-6", []), (None, [])]
)
async def test_a_declared_length_is_kept(declared: str | None, expected: list[Any]) -> None:
    """A Content-Length that is a number goes out; anything else would break the framing."""
    wire, res = Wire(), Response()
    if declared is not None:
        res.headers["content-length"] = declared
    await deliver(wire, StreamBody(Source(b"abcdef").iterator, "text/plain"), res)
    assert [pair for pair in wire.messages[0]["headers"] if pair[0] == b"content-length"] == expected


async def test_a_content_type_that_is_a_header_wins() -> None:
    """What a handler set as a header stands."""
    wire, res = Wire(), Response()
    res.headers["content-type"] = "text/x-log"
    await deliver(wire, StreamBody(Source(b"x").iterator, "text/plain"), res)
    assert wire.messages[0]["headers"] == [(b"content-type", b"text/x-log")]


async def test_an_empty_iterator_is_an_empty_body() -> None:
    """An iterator that yields nothing, or nothing but empty chunks, makes a start and an empty body."""
    for chunks in ((), (b"", "")):
        wire = Wire()
        await deliver(wire, StreamBody(Source(*chunks).iterator))
        assert [message["type"] for message in wire.messages] == ["http.response.start", "http.response.body"]
        assert wire.body == [b""]


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_what_has_no_body_never_starts_the_iterator(method: str, status: int) -> None:
    """HEAD, 204 and 304 send headers and an empty body; the iterator is closed unread."""
    wire, res = Wire(), Response()
    res.status = status
    read: list[int] = []

    async def chunks() -> AsyncIterator[bytes]:
        read.append(1)
        yield b"x"

    iterator = chunks()
    await deliver(wire, StreamBody(iterator), res, method)
    assert [message["type"] for message in wire.messages] == ["http.response.start", "http.response.body"]
    assert wire.body == [b""]
    assert read == []
    with pytest.raises(StopAsyncIteration):
        await anext(iterator)


async def test_an_error_before_the_first_chunk_leaves_the_response_unsent() -> None:
    """An iterator that fails at once can still become a proper 500."""
    wire, source = Wire(), Source(then=fail)
    with pytest.raises(ZeroDivisionError):
        await deliver(wire, StreamBody(source.iterator))
    assert wire.messages == []
    assert source.ended == ["ZeroDivisionError", "finally"]


async def test_an_error_later_on_breaks_the_response_off() -> None:
    """An iterator that fails after its first chunk is raised, and the body never ends cleanly."""
    wire, source = Wire(), Source(b"one", then=fail)
    with pytest.raises(ZeroDivisionError):
        await deliver(wire, StreamBody(source.iterator))
    assert wire.messages[-1] == {"type": "http.response.body", "body": b"one", "more_body": True}


async def test_an_oserror_of_the_iterator_is_an_error() -> None:
    """A database that refuses is no client that left."""

    async def refuse() -> None:
        raise ConnectionRefusedError

    wire = Wire()
    with pytest.raises(ConnectionRefusedError):
        await deliver(wire, StreamBody(Source(b"one", then=refuse).iterator))


@pytest.mark.parametrize("fails_at", [0, 1, 2])
async def test_an_oserror_of_send_is_a_client_that_left(fails_at: int) -> None:
    """Whichever message can't be sent, the iterator is closed and ClientDisconnected raised."""
    wire, source = Wire(fails_at), Source(b"one")
    with pytest.raises(ClientDisconnected) as caught:
        await deliver(wire, StreamBody(source.iterator))
    assert caught.value.__cause__ is wire.error
    assert source.ended[-1] == "finally"


async def test_other_errors_of_send_are_raised() -> None:
    """What is no OSError is a fault in the server or a middleware, and is not hidden."""
    wire, source = Wire(1, ValueError("bug")), Source(b"one")
    with pytest.raises(ValueError, match="bug"):
        await deliver(wire, StreamBody(source.iterator))
    assert source.ended == ["GeneratorExit", "finally"]


async def test_a_client_that_leaves_ends_a_silent_iterator() -> None:
    """An iterator that waits learns that the client left."""
    wire, source = Wire(), Source(b"one", then=wait_for_ever)
    wire.left.set()
    with pytest.raises(ClientDisconnected):
        await deliver(wire, StreamBody(source.iterator))
    assert source.ended == ["CancelledError", "finally"]
    assert wire.body == [b"one"]


async def test_a_client_that_leaves_ends_an_iterator_that_never_waits() -> None:
    """Where neither the iterator nor the server ever waits, the event loop still gets its turn."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x"

    async def send(message: Any) -> None:
        pass

    wire = Wire()
    wire.left.set()
    with pytest.raises(ClientDisconnected):
        await StreamBody(endless()).deliver(a_request(wire), Response(), send)


async def test_a_request_that_streams_in_is_not_read_from() -> None:
    """The handler's iterator may still be reading the request's body: no message is taken away from it."""
    wire = Wire()

    async def reading() -> AsyncIterator[bytes]:
        yield b"one"
        await asyncio.sleep(0.2)
        assert wire.received == 0
        yield b"two"

    await deliver(wire, StreamBody(reading()), method="POST", streams=True)
    assert wire.body == [b"one", b"two", b""]


async def test_an_iterator_without_aclose_is_taken() -> None:
    """Any object with `__aiter__` will do."""

    class Countdown:
        def __init__(self) -> None:
            self.left = 2

        def __aiter__(self) -> Countdown:
            return self

        async def __anext__(self) -> bytes:
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return b"%d" % self.left

    wire = Wire()
    await deliver(wire, StreamBody(Countdown()))
    assert wire.body == [b"1", b"0", b""]


async def test_a_chunk_of_another_type_names_the_cure() -> None:
    """A chunk that is no text and no bytes is a TypeError that says what to do."""
    wire = Wire()
    with pytest.raises(TypeError) as caught:
        await deliver(wire, StreamBody(Source({"a": 1}).iterator))
    assert str(caught.value) == (
        "a stream yields bytes or str, and this one yielded dict; encode it first, "
        "as a line of JSON say, or send events with res.events(...)"
    )
    assert wire.messages == []


def test_what_is_no_async_iterator_is_refused() -> None:
    """A list or a plain generator is refused where it is passed."""
    with pytest.raises(TypeError) as caught:
        StreamBody([b"x"])  # type: ignore[arg-type]
    assert str(caught.value) == (
        "a stream takes an async iterator, and got list; "
        "write an `async def` that yields, or set res.body to what is whole already"
    )


def test_a_media_type_that_splits_the_response_is_refused() -> None:
    """CR and LF in the media type raise where it is set."""
    with pytest.raises(HeaderError):
        StreamBody(Source().iterator, "text/plain\r\nx: y")


async def test_an_impossible_status_is_refused_before_anything_is_sent() -> None:
    """A status that ends no response raises, and the iterator is closed."""
    wire, res, source = Wire(), Response(), Source(b"x")
    res.status = 99
    with pytest.raises(ValueError, match="200 to 599"):
        await deliver(wire, StreamBody(source.iterator), res)
    assert wire.messages == []
