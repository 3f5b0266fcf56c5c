"""Server-sent events: the format, pings, and that a stream of them always comes to an end."""

from __future__ import annotations

import asyncio
import doctest
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import heaven.messages.sse
from driver import http_scope
from heaven import App
from heaven.errors import ClientDisconnected
from heaven.liveness import Stopping
from heaven.messages.request import Request
from heaven.messages.response import Response
from heaven.messages.site import Site
from heaven.messages.sse import EventStream, encode_event

EVER = 3600


class Wire:
    """What a server is to a body; `slow` holds each message back until it is set."""

    def __init__(self, fails_at: int | None = None, error: BaseException | None = None) -> None:
        self.messages: list[Any] = []
        self.fails_at = fails_at
        self.error = error or OSError("gone")
        self.left = asyncio.Event()
        self.sent = asyncio.Condition()
        self.slow: asyncio.Event | None = None
        self.under_way = 0

    async def send(self, message: Any) -> None:
        self.under_way += 1
        assert self.under_way == 1, "two messages are sent at the same time"
        if len(self.messages) == self.fails_at:
            raise self.error
        self.messages.append(message)
        async with self.sent:
            self.sent.notify_all()
        if self.slow is not None:
            await self.slow.wait()
        self.under_way -= 1

    async def receive(self) -> Any:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def until(self, count: int) -> None:
        async with self.sent:
            await self.sent.wait_for(lambda: len(self.messages) >= count)

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.messages).decode()


async def deliver(wire: Wire, body: EventStream, res: Response | None = None, method: str = "GET", **site: Any) -> None:
    await body.deliver(Request(http_scope(method), wire.receive, Site(App(), **site), {}), res or Response(), wire.send)


async def each(*items: Any) -> AsyncIterator[Any]:
    for item in items:
        yield item


class Silent:
    """Yields what it is given, and then nothing for ever; notes how it ended."""

    def __init__(self, *items: Any) -> None:
        self.ended: list[str] = []
        self.iterator = self._run(items)

    async def _run(self, items: Any) -> AsyncIterator[Any]:
        try:
            for item in items:
                yield item
            await asyncio.sleep(EVER)
        except BaseException as error:
            self.ended.append(type(error).__name__)
            raise
        finally:
            self.ended.append("finally")


def parse(stream: bytes) -> list[dict[str, Any]]:
    """What a browser makes of it (WHATWG HTML 9.2.6), for the fields that are sent."""
    events: list[dict[str, Any]] = []
    event: dict[str, Any] = {}
    text = stream.decode().replace("\r\n", "\n").replace("\r", "\n")
    for line in text.split("\n"):
        if not line:
            if "data" in event:
                events.append(event)
            event = {}
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        event[name] = f"{event['data']}\n{value}" if name == "data" and "data" in event else value
    return events


def test_examples() -> None:
    """The examples in the docstrings run."""
    assert doctest.testmod(heaven.messages.sse).failed == 0


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("hello", b"data: hello\n\n"),
        ("", b"data: \n\n"),
        ("zwö", "data: zwö\n\n".encode()),
        ("a\nb", b"data: a\ndata: b\n\n"),
        ("a\r\nb\rc\n", b"data: a\ndata: b\ndata: c\ndata: \n\n"),
        ("\u2028\x0b", "data: \u2028\x0b\n\n".encode()),
        ({"data": "x"}, b"data: x\n\n"),
        ({"data": {"a": [1, None]}}, b'data: {"a":[1,null]}\n\n'),
        ({"data": None}, b"data: null\n\n"),
        ({"event": "created", "id": "7", "retry": 100, "data": "x"}, b"event: created\nid: 7\nretry: 100\ndata: x\n\n"),
        ({"event": "tick"}, b"event: tick\ndata:\n\n"),
        ({"id": ""}, b"id: \n\n"),
        ({"retry": 0}, b"retry: 0\n\n"),
        ({}, b"\n"),
    ],
)
def test_encoding(item: Any, expected: bytes) -> None:
    """Each field on its line, each line of data on its own (WHATWG HTML 9.2.5)."""
    assert encode_event(item) == expected


@pytest.mark.parametrize("field", ["event", "id"])
@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b"])
def test_a_field_can_not_begin_another(field: str, value: str) -> None:
    """A line end or NUL in a name or id is refused, by name."""
    with pytest.raises(ValueError, match=f"the {field} of an event is one line without NUL"):
        encode_event({field: value})


@pytest.mark.parametrize("field", ["event", "id"])
def test_a_field_of_another_type_is_refused(field: str) -> None:
    """A name or id that is no str is a TypeError that names it."""
    with pytest.raises(TypeError, match=f"the {field} of an event is a str, and this is NoneType"):
        encode_event({field: None})


@pytest.mark.parametrize("value", [-1, True, "100", 1.5, "1\ndata: x"])
def test_retry_is_milliseconds(value: Any) -> None:
    """`retry` is a whole number."""
    with pytest.raises(ValueError, match="the retry of an event is a whole number of milliseconds"):
        encode_event({"retry": value})


def test_unknown_fields_are_named() -> None:
    """A field that events don't have is refused by name."""
    with pytest.raises(ValueError) as caught:
        encode_event({"data": "x", "dta": 1, "Event": 2})
    assert str(caught.value) == "an event has data, event, id and retry, and no 'Event', 'dta'; put it into data"


@pytest.mark.parametrize("item", [b"x", 7, None, ["x"]])
def test_what_is_no_event_is_refused(item: Any) -> None:
    """Bytes and other values are a TypeError that says how to send them."""
    with pytest.raises(TypeError) as caught:
        encode_event(item)
    assert str(caught.value) == (
        f"an event is a str or a mapping with data, event, id and retry, and this is {type(item).__name__}; "
        'wrap it as {"data": value} to send it as JSON'
    )


@given(
    data=st.text(st.characters(exclude_categories=["Cs"])),
    event=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0")),
)
def test_no_data_becomes_another_event(data: str, event: str) -> None:
    """Whatever the data holds, a client reads exactly one event with exactly that data, line ends aside."""
    expected = data.replace("\r\n", "\n").replace("\r", "\n")
    assert parse(encode_event({"data": data, "event": event})) == [{"event": event, "data": expected}]


async def test_the_response() -> None:
    """A start that nothing caches or holds back, one message for each event, and an empty last one."""
    wire = Wire()
    await deliver(wire, EventStream(each("a", {"data": 1}), retry=3000))
    headers = dict(wire.messages[0].pop("headers"))
    assert headers == {
        b"content-type": b"text/event-stream; charset=utf-8",
        b"cache-control": b"no-store",
        b"x-accel-buffering": b"no",
    }
    assert wire.messages == [
        {"type": "http.response.start", "status": 200},
        {"type": "http.response.body", "body": b"retry: 3000\n\n", "more_body": True},
        {"type": "http.response.body", "body": b"data: a\n\n", "more_body": True},
        {"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True},
        {"type": "http.response.body", "body": b""},
    ]
    assert len(asyncio.all_tasks()) == 1


async def test_the_response_starts_before_the_first_event() -> None:
    """A client knows that it is connected though nothing happened yet."""
    wire, silent = Wire(), Silent()
    task = asyncio.create_task(deliver(wire, EventStream(silent.iterator)))
    await wire.until(1)
    assert wire.messages[0]["type"] == "http.response.start"
    wire.left.set()
    with pytest.raises(ClientDisconnected):
        await task


async def test_head_has_no_events() -> None:
    """HEAD gets the headers; the iterator is closed unread."""
    wire, iterator = Wire(), each("a")
    await deliver(wire, EventStream(iterator), method="HEAD")
    assert [message["type"] for message in wire.messages] == ["http.response.start", "http.response.body"]
    assert wire.text == ""
    with pytest.raises(StopAsyncIteration):
        await anext(iterator)


async def test_pings_while_nothing_happens() -> None:
    """A silent stream is kept alive with comments, and what comes after them is not disturbed."""
    wire = Wire()
    go_on = asyncio.Event()

    async def slow() -> AsyncIterator[str]:
        await go_on.wait()
        yield "late"

    task = asyncio.create_task(deliver(wire, EventStream(slow(), ping=0.001)))
    await wire.until(4)
    go_on.set()
    await task
    bodies = [message["body"] for message in wire.messages[1:]]
    assert bodies[:3] == [b": ping\n\n"] * 3
    assert bodies[-2:] == [b"data: late\n\n", b""]
    assert parse(wire.text.encode())[-1] == {"data": "late"}


async def test_no_pings_while_events_come() -> None:
    """An event starts the silence anew."""
    wire = Wire()

    async def busy() -> AsyncIterator[str]:
        for _ in range(50):
            await asyncio.sleep(0)
            yield "x"

    await deliver(wire, EventStream(busy(), ping=EVER))
    assert ": ping" not in wire.text


async def test_an_event_waits_for_a_ping_that_is_being_sent() -> None:
    """Messages are sent one after the other, even to a client that reads slowly."""
    wire = Wire()
    wire.slow = asyncio.Event()
    wire.slow.set()
    go_on = asyncio.Event()

    async def one() -> AsyncIterator[str]:
        wire.slow.clear()
        await go_on.wait()
        yield "event"

    task = asyncio.create_task(deliver(wire, EventStream(one(), ping=0.001)))
    await wire.until(2)
    go_on.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(wire.messages) == 2
    wire.slow.set()
    await task
    assert b"data: event\n\n" in [message.get("body") for message in wire.messages]


async def test_an_event_goes_before_a_ping_that_is_late_already() -> None:
    """Where the machine stood still for longer than the pause, an event that waits is sent next, and alone."""
    wire = Wire()
    go_on = asyncio.Event()

    async def one() -> AsyncIterator[str]:
        wire.slow = asyncio.Event()
        await go_on.wait()
        yield "event"

    task = asyncio.create_task(deliver(wire, EventStream(one(), ping=1e-9)))
    await wire.until(2)
    go_on.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert wire.slow is not None
    wire.slow.set()
    wire.slow = asyncio.Event()
    await wire.until(3)
    assert wire.messages[2]["body"] == b"data: event\n\n"
    wire.slow.set()
    wire.slow = None
    await task


async def test_a_ping_waits_for_an_event_that_is_being_sent() -> None:
    """A client that reads slowly gets no comment in the middle of an event."""
    wire = Wire()

    async def one() -> AsyncIterator[str]:
        wire.slow = asyncio.Event()
        yield "event"

    task = asyncio.create_task(deliver(wire, EventStream(one(), ping=0.001)))
    await wire.until(2)
    await asyncio.sleep(0.02)
    assert len(wire.messages) == 2
    assert wire.slow is not None
    wire.slow.set()
    await task


async def test_it_ends_at_shutdown() -> None:
    """An endless stream ends cleanly once the application's server begins to stop."""
    wire, silent, stopping = Wire(), Silent("a"), Stopping()
    task = asyncio.create_task(deliver(wire, EventStream(silent.iterator), stopping=stopping))
    await wire.until(2)
    stopping.set()
    await task
    assert wire.messages[-1] == {"type": "http.response.body", "body": b""}
    assert silent.ended == ["CancelledError", "finally"]


async def test_a_client_that_leaves_ends_it() -> None:
    """The iterator of a client that left is ended, and its `finally` runs."""
    wire, silent = Wire(), Silent("a")
    wire.left.set()
    with pytest.raises(ClientDisconnected):
        await deliver(wire, EventStream(silent.iterator))
    assert silent.ended == ["CancelledError", "finally"]


@pytest.mark.parametrize("fails_at", [0, 1, 2])
async def test_an_oserror_of_send_is_a_client_that_left(fails_at: int) -> None:
    """Whichever message can't be sent, the iterator is closed and ClientDisconnected raised."""
    wire, iterator = Wire(fails_at), each("a")
    with pytest.raises(ClientDisconnected):
        await deliver(wire, EventStream(iterator))
    with pytest.raises(StopAsyncIteration):
        await anext(iterator)
    assert len(asyncio.all_tasks()) == 1


async def test_a_ping_that_can_not_be_sent_ends_it() -> None:
    """A silent stream learns from its ping that the client left, even where `receive` does not say so."""
    wire, silent = Wire(fails_at=1), Silent()
    with pytest.raises(ClientDisconnected):
        await deliver(wire, EventStream(silent.iterator, ping=0.001), streams=True)
    assert silent.ended == ["CancelledError", "finally"]


async def test_a_fault_of_the_server_in_a_ping_is_raised() -> None:
    """An error that is no OSError is not taken for a client that left."""
    wire, silent = Wire(1, ValueError("bug")), Silent()
    with pytest.raises(ValueError, match="bug"):
        await deliver(wire, EventStream(silent.iterator, ping=0.001))
    assert silent.ended == ["CancelledError", "finally"]


async def test_an_error_of_the_iterator_is_raised() -> None:
    """An iterator that fails breaks the response off."""

    async def failing() -> AsyncIterator[str]:
        yield "a"
        raise ZeroDivisionError

    wire = Wire()
    with pytest.raises(ZeroDivisionError):
        await deliver(wire, EventStream(failing()))
    assert wire.messages[-1]["more_body"] is True


async def test_a_generator_may_use_timeouts_across_its_yields() -> None:
    """The iterator runs in one task, so that `asyncio.timeout` around a `yield` works."""

    async def with_timeout() -> AsyncIterator[str]:
        async with asyncio.timeout(EVER):
            yield "a"
            await asyncio.sleep(0)
            yield "b"

    wire = Wire()
    await deliver(wire, EventStream(with_timeout()))
    assert wire.text == "data: a\n\ndata: b\n\n"


@pytest.mark.parametrize("ping", [0, -1])
def test_ping_is_above_zero(ping: float) -> None:
    """A pause that would send comments without end is refused."""
    with pytest.raises(ValueError, match="give the seconds of silence it ends, above 0"):
        EventStream(each(), ping=ping)


def test_what_is_no_async_iterator_is_refused() -> None:
    """A list is refused where it is passed."""
    with pytest.raises(TypeError, match="a stream of events takes an async iterator, and got list"):
        EventStream(["x"])  # type: ignore[arg-type]
