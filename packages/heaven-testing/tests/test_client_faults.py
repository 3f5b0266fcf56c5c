"""What goes wrong on the client's side of a connection, at the byte and in the pace that the test says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from client_apps import answer, raw
from heaven import App
from heaven_testing import ApplicationTimeout, Client, Disconnected

BODY = bytes(range(100))


def receiving(received: list[Any], *, replies: bool = False) -> Any:
    """An application that notes what it receives, and answers when all of it is there if it is to."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            received.append(message.get("body", message["type"]))
            more = message.get("more_body", False)
        if replies:
            await answer(send, b"0123456789")

    return raw(serve)


def sending(sent: list[Any], *pieces: bytes) -> Any:
    """An application that sends pieces, waits for the end of the connection, and notes what it met."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        sent.append((await receive())["type"])
        try:
            await send({"type": "http.response.body", "body": b"after"})
        except OSError as error:
            sent.append(str(error))

    return raw(serve)


# Leaving


async def test_a_client_leaves_after_so_many_bytes_of_its_body() -> None:
    """The application gets exactly those bytes, and then `http.disconnect`; the test gets Disconnected."""
    received: list[Any] = []
    async with Client(receiving(received)) as client:
        with pytest.raises(Disconnected, match=r"POST /: the client left after 30 bytes of its body") as caught:
            await client.post("/", content=BODY, disconnect_after=30)
    assert [BODY[:30], "http.disconnect"] == received
    assert caught.value.trace is None


async def test_a_body_in_pieces_is_left_in_the_middle_of_one() -> None:
    """The bytes are counted over the pieces of a generator, and the rest is not asked for."""
    received: list[Any] = []
    given: list[int] = []

    async def content() -> AsyncIterator[bytes]:
        for number in range(10):
            given.append(number)
            yield b"0123456789"

    async with Client(receiving(received)) as client:
        with pytest.raises(Disconnected):
            await client.post("/", content=content(), disconnect_after=25)
    assert [b"0123456789", b"0123456789", b"01234", "http.disconnect"] == received
    assert [0, 1, 2] == given


async def test_a_client_leaves_before_its_first_byte() -> None:
    """0 bytes: headers, and nothing after them."""
    received: list[Any] = []
    async with Client(receiving(received)) as client:
        with pytest.raises(Disconnected):
            await client.post("/", content=BODY, disconnect_after=0)
    assert ["http.disconnect"] == received


async def test_heaven_sees_the_client_leave() -> None:
    """A handler that streams its body gets ClientDisconnected, and the trace tells what ran."""
    app = App()
    seen: list[bytes] = []

    async def upload(req, res, ctx):
        async for chunk in req.stream():
            seen.append(chunk)

    app.POST("/upload", upload, stream=True)
    async with Client(app) as client:
        with pytest.raises(Disconnected) as caught:
            await client.post("/upload", content=BODY, disconnect_after=10)
    assert BODY[:10] == b"".join(seen)
    trace = caught.value.trace
    assert trace is not None
    assert ["HANDLER upload"] == trace.names
    assert "ClientDisconnected" == type(trace.steps[0].error).__name__


async def test_a_body_shorter_than_that_is_a_mistake_of_the_test() -> None:
    """The client never came to the byte it was to leave after."""
    async with Client(receiving([])) as client:
        with pytest.raises(ValueError, match="disconnect_after=101, but the body has only 100 bytes"):
            await client.post("/", content=BODY, disconnect_after=101)
        with pytest.raises(ValueError, match="disconnect_after=1, but the body has only 0 bytes"):
            await client.get("/", disconnect_after=1)


async def test_the_end_of_a_body_can_be_held_back() -> None:
    """A client that leaves after the last byte has sent all of its body, and not its end."""
    received: list[Any] = []
    async with Client(receiving(received)) as client:
        with pytest.raises(Disconnected):
            await client.post("/", content=BODY, disconnect_after=100)
    assert [BODY, "http.disconnect"] == received


async def test_who_is_answered_before_has_no_reason_to_leave() -> None:
    """An application that answers without reading is done before the client leaves."""
    async with Client(raw(lambda scope, receive, send: answer(send, b"no", 413))) as client:
        assert 413 == (await client.post("/", content=BODY, disconnect_after=10)).status_code


async def test_what_the_application_raises_on_a_disconnect_reaches_the_test() -> None:
    """An error that the leaving brought to light is what the test is told of, in place of Disconnected."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] == "http.request":
            pass
        raise LookupError(f"no more than {message['type']}")

    async with Client(raw(serve)) as client:
        with pytest.raises(LookupError, match=r"no more than http.disconnect"):
            await client.post("/", content=BODY, disconnect_after=1)
    async with Client(raw(serve), raise_app_exceptions=False) as client:
        with pytest.raises(Disconnected):
            await client.post("/", content=BODY, disconnect_after=1)


async def test_a_client_leaves_after_so_many_bytes_of_the_response() -> None:
    """It reads that much and is gone; the application sees it at the next message."""
    sent: list[Any] = []
    async with Client(sending(sent, b"0123456789", b"0123456789")) as client:
        with pytest.raises(Disconnected, match=r"GET /: the client left after 15 bytes of the response"):
            await client.get("/", disconnect_after_response=15)
    assert ["http.disconnect"] == sent


async def test_what_was_read_before_is_the_tests() -> None:
    """`stream()` gives the bytes up to there, and does not wait for more to leave."""
    sent: list[Any] = []
    read: list[bytes] = []
    async with Client(sending(sent, b"01234", b"56789")) as client:
        async with client.stream("GET", "/", disconnect_after_response=10) as response:
            with pytest.raises(Disconnected):
                async for chunk in response.aiter_raw():
                    read.append(chunk)
    assert [b"01234", b"56789"] == read
    assert ["http.disconnect"] == sent


async def test_a_client_leaves_after_the_head() -> None:
    """0 bytes of the response: status and headers came, content did not."""
    sent: list[Any] = []
    async with Client(sending(sent, b"0123456789")) as client:
        with pytest.raises(Disconnected, match="after 0 bytes of the response"):
            await client.get("/", disconnect_after_response=0)


async def test_a_response_shorter_than_that_is_a_mistake_of_the_test() -> None:
    """Nobody left, so nothing was tested."""
    async with Client(receiving([], replies=True)) as client:
        with pytest.raises(ValueError, match="disconnect_after_response=11, but the response has only 10 bytes"):
            await client.get("/", disconnect_after_response=11)
        with pytest.raises(Disconnected):
            await client.get("/", disconnect_after_response=10)


async def test_send_says_nothing_to_who_left() -> None:
    """By default what is sent after the client left goes nowhere, as under uvicorn."""
    sent: list[Any] = []
    async with Client(sending(sent, b"0123456789"), after_disconnect="quiet") as client:
        with pytest.raises(Disconnected):
            await client.get("/", disconnect_after_response=1)
    assert ["http.disconnect"] == sent


async def test_send_raises_where_servers_raise() -> None:
    """`after_disconnect="raise"`: `send` raises an OSError, as hypercorn and daphne do (ASGI HTTP, Disconnected Client)."""
    sent: list[Any] = []
    async with Client(sending(sent, b"0123456789"), after_disconnect="raise") as client:
        with pytest.raises(Disconnected):
            await client.get("/", disconnect_after_response=1)
    assert ["http.disconnect", "the client has left"] == sent


@pytest.mark.parametrize("after_disconnect", ["quiet", "raise"])
async def test_who_waits_for_room_is_woken_by_the_leaving(after_disconnect: Any) -> None:
    """An application that stands in `send`, because nobody reads, goes on when its client leaves."""
    done: list[str] = []

    async def flood(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            for _ in range(64):
                await send({"type": "http.response.body", "body": bytes(65_536), "more_body": True})
        except OSError:
            done.append("raise")
            raise
        done.append("quiet")

    async with Client(raw(flood), after_disconnect=after_disconnect) as client:
        with pytest.raises(Disconnected):
            await client.get("/", disconnect_after_response=1)
        await client.settled()
    assert [after_disconnect] == done


# Pace


async def test_a_body_is_sent_in_chunks_of_that_size() -> None:
    """`send_chunk` cuts whatever the body is made of."""
    received: list[Any] = []
    async with Client(receiving(received, replies=True)) as client:
        await client.post("/", content=BODY, send_chunk=30)
        assert [30, 30, 30, 10] == [len(chunk) for chunk in received if chunk]
        assert BODY == b"".join(received)
        received.clear()
        await client.post("/", json=["0123456789"], send_chunk=5)
        assert [5, 5, 4] == [len(chunk) for chunk in received if chunk]


async def test_a_slow_sender_waits_after_each_chunk() -> None:
    """`send_delay` seconds pass after each chunk, and other requests are served meanwhile."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        more = scope["method"] == "POST"
        while more:
            more = (await receive()).get("more_body", False)
        await answer(send)

    async with Client(raw(serve)) as client:
        begun = time.monotonic()
        slow = asyncio.create_task(client.post("/", content=BODY, send_chunk=50, send_delay=0.05))
        await client.get("/")
        assert not slow.done()
        await slow
        assert time.monotonic() - begun > 0.099
        slow = asyncio.create_task(client.post("/", content=BODY, send_chunk=50, send_delay=60))
        await client.post("/", content=BODY, send_chunk=50)
        assert not slow.done()
        slow.cancel()
        await asyncio.wait((slow,))


async def test_a_response_is_read_in_chunks_of_that_size() -> None:
    """`read_chunk` cuts whatever the application sends, and loses nothing of it."""
    async with Client(receiving([], replies=True)) as client:
        async with client.stream("GET", "/", read_chunk=4) as response:
            assert [b"0123", b"4567", b"89"] == [chunk async for chunk in response.aiter_raw()]
        assert b"0123456789" == (await client.get("/", read_chunk=3)).content


async def test_a_slow_reader_holds_the_application() -> None:
    """`read_delay` seconds pass before each chunk: who sends more than fits on the way waits for them."""
    waited: list[float] = []

    async def flood(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        begun = time.monotonic()
        for _ in range(4):
            await send({"type": "http.response.body", "body": bytes(65_536), "more_body": True})
        await send({"type": "http.response.body"})
        waited.append(time.monotonic() - begun)

    async with Client(raw(flood)) as client:
        await client.get("/", read_delay=0.05)
        for _ in range(3):
            await client.get("/")
    slow, *fast = waited
    assert slow > 0.045
    assert min(fast) < slow


async def test_faults_may_be_combined() -> None:
    """A slow sender that leaves does both."""
    received: list[Any] = []
    async with Client(receiving(received)) as client:
        with pytest.raises(Disconnected):
            await client.post("/", content=BODY, send_chunk=20, send_delay=0.001, disconnect_after=50)
    assert [BODY[:20], BODY[20:40], BODY[40:50], "http.disconnect"] == received


async def test_faults_go_with_extensions_of_the_library() -> None:
    """A request may have extensions of its own beside them, and faults of None are none."""
    async with Client(receiving([], replies=True)) as client:
        response = await client.get("/", extensions={"mine": 1}, read_chunk=4, disconnect_after=None)
        assert 1 == response.request.extensions["mine"]
        response = await client.get("/", extensions=None, disconnect_after=None)
        assert b"0123456789" == response.content


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ({"disconnect_after": -1}, "disconnect_after=-1; give bytes, at least 0"),
        ({"disconnect_after_response": -1}, "disconnect_after_response=-1; give bytes, at least 0"),
        ({"send_chunk": 0}, "send_chunk=0; give bytes, at least 1"),
        ({"read_chunk": 0}, "read_chunk=0; give bytes, at least 1"),
        ({"send_delay": -0.1}, "send_delay=-0.1; give seconds, at least 0"),
        ({"read_delay": -0.1}, "read_delay=-0.1; give seconds, at least 0"),
    ],
)
async def test_faults_that_cannot_be_are_refused(faults: Any, message: str) -> None:
    """A fault that says nothing is refused before anything is sent."""
    received: list[Any] = []
    async with Client(receiving(received)) as client:
        with pytest.raises(ValueError, match=message):
            await client.get("/", **faults)
    assert [] == received


async def test_an_application_that_ignores_the_leaving_is_named() -> None:
    """Disconnected is raised once the application is done; one that never is hangs."""

    async def ignore(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    async with Client(raw(ignore), timeout=0.05) as client:
        with pytest.raises(
            httpx.ReadTimeout, match=r"POST / did not end after the client left in 0.05 s: .* ignore at"
        ):
            await client.post("/", content=BODY, disconnect_after=10)


async def test_parts_of_a_large_piece_take_no_longer_each() -> None:
    """What is left of a piece is not copied for every part that is read of it."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, b"x" * 16_777_216)

    async with Client(raw(serve)) as client:
        began = time.process_time()
        response = await client.get("/", read_chunk=1024)
    assert 16_777_216 == len(response.content)
    assert time.process_time() - began < 5


async def test_a_body_that_does_not_end_is_waited_for_no_longer_than_anything() -> None:
    """A generator of the test that swallows its cancellation holds up no request for ever."""
    gate = asyncio.Event()
    swallowed: list[str] = []

    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        while not gate.is_set():
            try:
                await gate.wait()
            except asyncio.CancelledError:
                swallowed.append("cancelled")

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await receive()

    async with asyncio.timeout(30), Client(raw(serve), timeout=0.05) as client:
        with pytest.raises(ApplicationTimeout, match="began no response"):
            await client.post("/", content=body())
        assert ["cancelled"] == swallowed
        gate.set()
