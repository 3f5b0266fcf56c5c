"""Bodies that come piece by piece, in both directions: nobody is ahead of the other by more than a server would hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from client_apps import answer, raw, turns
from heaven import App
from heaven_testing import Client

KIB = 1024
MIB = 1024 * KIB
HELD = 128 * KIB
"""What may be on its way at any time."""


async def test_events_are_read_one_by_one_and_left() -> None:
    """An endless stream of events is read as it comes; leaving it ends the iterator that made it."""
    app = App()
    left = asyncio.Event()
    made: list[int] = []

    async def count() -> AsyncIterator[dict[str, Any]]:
        try:
            for number in range(1_000_000):
                made.append(number)
                yield {"id": number, "data": "tick"}
                await step.acquire()
        finally:
            left.set()

    async def events(req, res, ctx):
        res.events(count(), ping=60)

    step = asyncio.Semaphore(0)
    app.GET("/events", events)
    async with Client(app) as client:
        async with client.stream("GET", "/events") as response:
            assert "text/event-stream; charset=utf-8" == response.headers["content-type"]
            lines = response.aiter_lines()
            for number in range(3):
                assert [f"id: {number}", "data: tick", ""] == [await anext(lines) for _ in range(3)]
                assert number + 1 == len(made)
                step.release()
            assert not left.is_set()
        await asyncio.wait_for(left.wait(), 5)
        await client.settled()


async def test_a_body_is_seen_as_it_comes() -> None:
    """The handler has each chunk before the test gives out the next one."""
    app = App()
    seen: asyncio.Queue[bytes] = asyncio.Queue()
    acknowledged: list[bytes] = []

    async def upload(req, res, ctx):
        async for chunk in req.stream():
            seen.put_nowait(chunk)
        return "all"

    async def content() -> AsyncIterator[bytes]:
        for chunk in (b"one", b"two", b"three"):
            yield chunk
            acknowledged.append(await asyncio.wait_for(seen.get(), 5))

    app.POST("/upload", upload, stream=True)
    async with Client(app) as client:
        assert "all" == (await client.post("/upload", content=content())).text
    assert [b"one", b"two", b"three"] == acknowledged


async def test_a_body_that_is_held_back_holds_the_handler() -> None:
    """Until the test gives out the rest, the application waits for it; other requests are served meanwhile."""
    app = App()
    gate = asyncio.Event()

    async def upload(req, res, ctx):
        return [chunk.decode() async for chunk in req.stream()]

    async def hello(req, res, ctx):
        return "hello"

    async def content() -> AsyncIterator[bytes]:
        yield b"first"
        await gate.wait()
        yield b"second"

    app.POST("/upload", upload, stream=True)
    app.GET("/hello", hello)
    async with Client(app) as client:
        task = asyncio.create_task(client.post("/upload", content=content()))
        assert "hello" == (await client.get("/hello")).text
        assert not task.done()
        gate.set()
        assert ["first", "second"] == (await task).json()


async def test_both_directions_flow_at_once() -> None:
    """The response is read while the body is still being sent, each piece the answer to the last one."""
    replies: asyncio.Queue[bytes] = asyncio.Queue()

    async def shout(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            await send({"type": "http.response.body", "body": message["body"].upper(), "more_body": more})

    async def content() -> AsyncIterator[bytes]:
        word = b"a"
        for _ in range(3):
            yield word
            word = await asyncio.wait_for(replies.get(), 5) + b"b"

    pieces: list[bytes] = []
    async with Client(raw(shout)) as client, client.stream("POST", "/", content=content()) as response:
        async for piece in response.aiter_raw():
            pieces.append(piece)
            replies.put_nowait(piece.lower())
    assert [b"A", b"AB", b"ABB"] == pieces


async def test_an_application_is_no_further_ahead_than_a_server_lets_it() -> None:
    """10 MiB for a client that does not read: at most 128 KiB are taken, the rest waits in the application."""
    sent = 0

    async def flood(scope: Any, receive: Any, send: Any) -> None:
        nonlocal sent
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while sent < 10 * MIB:
            await send({"type": "http.response.body", "body": bytes(16 * KIB), "more_body": True})
            sent += 16 * KIB
        await send({"type": "http.response.body", "body": b""})

    async with Client(raw(flood)) as client, client.stream("GET", "/") as response:
        await turns()
        assert 0 < sent <= HELD
        read = 0
        async for chunk in response.aiter_raw():
            read += len(chunk)
            assert sent - read <= HELD
    assert 10 * MIB == read == sent


async def test_a_client_is_no_further_ahead_than_a_server_lets_it() -> None:
    """10 MiB for an application that does not read: at most 128 KiB are taken from the generator."""
    given = 0
    gate = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await gate.wait()
        size = 0
        more = True
        while more:
            message = await receive()
            size += len(message["body"])
            more = message["more_body"]
            assert given - size <= HELD
        await answer(send, str(size).encode())

    async def content() -> AsyncIterator[bytes]:
        nonlocal given
        while given < 10 * MIB:
            given += 16 * KIB
            yield bytes(16 * KIB)

    async with Client(raw(slow)) as client:
        task = asyncio.create_task(client.post("/", content=content()))
        await turns()
        assert 0 < given <= HELD
        gate.set()
        assert str(10 * MIB) == (await task).text


async def test_a_large_body_comes_in_pieces() -> None:
    """A body that is there as a whole arrives in pieces all the same, as it would from a socket."""
    sizes: list[int] = []

    async def measure(scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            sizes.append(len(message["body"]))
            more = message["more_body"]
        await answer(send)

    async with Client(raw(measure)) as client:
        await client.post("/", content=bytes(150 * KIB))
    assert [64 * KIB, 64 * KIB, 22 * KIB] == sizes


async def test_an_answer_may_come_before_the_body_was_read() -> None:
    """An application that does not want the body answers at once; what was not sent stays unsent."""
    given = 0

    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, b"too large", 413)

    async def content() -> AsyncIterator[bytes]:
        nonlocal given
        while given < 10 * MIB:
            given += 16 * KIB
            yield bytes(16 * KIB)

    async with Client(raw(refuse)) as client:
        response = await client.post("/", content=content())
    assert (413, "too large") == (response.status_code, response.text)
    assert given <= HELD


async def test_a_body_that_cannot_be_made_fails_the_test_with_its_own_error() -> None:
    """What the generator raises is what the test gets, and the application sees its client leave."""
    received: list[str] = []

    async def read(scope: Any, receive: Any, send: Any) -> None:
        while received[-1:] != ["http.disconnect"]:
            received.append((await receive())["type"])

    async def content() -> AsyncIterator[bytes]:
        yield b"one"
        raise OSError("the disk is gone")

    async with Client(raw(read)) as client:
        with pytest.raises(OSError, match="the disk is gone"):
            await client.post("/", content=content())
    assert ["http.request", "http.disconnect"] == received


async def test_a_body_that_fails_the_test_fails_it() -> None:
    """`pytest.fail` in the generator is an outcome of the test, not a client that keeps silent."""

    async def read(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def content() -> AsyncIterator[bytes]:
        yield b"one"
        pytest.fail("not this far")

    async with Client(raw(read), timeout=60) as client:
        with pytest.raises(pytest.fail.Exception, match="not this far"):
            await client.post("/", content=content())


async def test_a_body_that_fails_after_the_head_ends_the_reading() -> None:
    """The response had begun: the error comes where its content is waited for."""
    gate = asyncio.Event()

    async def begin(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["type"] != "http.disconnect":
            pass

    async def content() -> AsyncIterator[bytes]:
        yield b"one"
        await gate.wait()
        raise OSError("the disk is gone")

    async with Client(raw(begin)) as client:
        async with client.stream("POST", "/", content=content()) as response:
            gate.set()
            with pytest.raises(OSError, match="the disk is gone"):
                await response.aread()


async def test_a_response_that_is_left_ends_the_body() -> None:
    """Leaving `stream()` half-way closes the generator of the request as well."""
    given, closed = asyncio.Event(), asyncio.Event()

    async def begin(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["type"] != "http.disconnect":
            pass

    async def content() -> AsyncIterator[bytes]:
        try:
            yield b"so far"
            given.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with Client(raw(begin)) as client:
        async with client.stream("POST", "/", content=content()) as response:
            assert 200 == response.status_code
            await given.wait()
            assert not closed.is_set()
        await asyncio.wait_for(closed.wait(), 5)


async def test_a_cancelled_request_leaves() -> None:
    """A test that gives up waiting closes the connection, and the application sees it."""
    received: list[str] = []
    asked = asyncio.Event()

    async def wait(scope: Any, receive: Any, send: Any) -> None:
        asked.set()
        while received[-1:] != ["http.disconnect"]:
            received.append((await receive())["type"])

    async with Client(raw(wait)) as client:
        task = asyncio.create_task(client.get("/"))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await client.settled()
    assert ["http.request", "http.disconnect"] == received


async def test_the_head_is_there_before_the_content() -> None:
    """Status and headers arrive when the application sends them, not with the first content."""
    gate = asyncio.Event()

    async def begin(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 201, "headers": [(b"x-early", b"yes")]})
        await gate.wait()
        await send({"type": "http.response.body", "body": b"late"})

    async with Client(raw(begin)) as client, client.stream("GET", "/") as response:
        assert (201, "yes") == (response.status_code, response.headers["x-early"])
        gate.set()
        assert b"late" == await response.aread()


async def test_the_response_to_head_has_no_content() -> None:
    """What the application sends to a HEAD goes no further, as from a server."""
    length = [(b"content-length", b"5")]
    async with Client(raw(lambda scope, receive, send: answer(send, b"hello", headers=length))) as client:
        response = await client.head("/")
        assert (b"", "5") == (response.content, response.headers["content-length"])
        assert b"hello" == (await client.get("/")).content


async def test_an_application_that_waits_for_its_client_is_told_of_the_end() -> None:
    """After the response is complete `receive` says `http.disconnect`, without an error."""
    received: list[str] = []

    async def wait(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, b"done")
        received.append((await receive())["type"])
        received.append((await receive())["type"])

    async with Client(raw(wait)) as client:
        assert "done" == (await client.get("/")).text
        await client.settled()
    assert ["http.disconnect", "http.disconnect"] == received
