"""WebSockets through `Client`: messages both ways, and who waits for them, for how long."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from heaven import WebSocketDisconnected
from heaven_testing import ApplicationTimeout, Client, ConformanceError, WebSocketClosed
from heaven_testing.conformance import checker_for
from heaven_testing.inprocess.pipes import HIGH_WATER
from heaven_testing.inprocess.scopes import Peer, socket_scope
from heaven_testing.inprocess.socket import Socket
from socket_apps import SOON, accepts_and_closes, echo, raw, serving


async def test_messages_keep_their_kind() -> None:
    """Text stays text and bytes stay bytes, empty ones and those beyond ASCII as well."""
    async with Client(serving(echo)) as client, client.ws("/ws") as ws:
        for text in ("text", "", "grüße \U0001f600"):
            await ws.send_text(text)
            assert text == await ws.receive_text()
        for content in (b"bytes", b"", b"\x00\xff"):
            await ws.send_bytes(content)
            assert content == await ws.receive_bytes()
        await ws.send_json({"a": [1, None, "ü"]})
        assert {"a": [1, None, "ü"]} == await ws.receive_json()
        await ws.send_bytes(b'{"a": 1}')
        assert {"a": 1} == await ws.receive_json()


@pytest.mark.parametrize(
    "content", [b"abc", bytearray(b"abc"), memoryview(b"abc")], ids=lambda each: type(each).__name__
)
async def test_bytes_in_any_form_are_sent(content: Any) -> None:
    """A binary message may be what bytes are kept in."""
    async with Client(serving(echo)) as client, client.ws("/ws") as ws:
        await ws.send_bytes(content)
        assert b"abc" == await ws.receive()


async def test_a_message_of_the_other_kind_is_said_to_be() -> None:
    """Who expects text and gets bytes, or the other way round, is shown what came."""
    async with Client(serving(echo)) as client, client.ws("/ws") as ws:
        await ws.send_bytes(b"abc")
        with pytest.raises(TypeError, match="binary, not text: b'abc'"):
            await ws.receive_text()
        await ws.send_text("abc")
        with pytest.raises(TypeError, match="text, not binary: 'abc'"):
            await ws.receive_bytes()
        await ws.send_text("{")
        with pytest.raises(ValueError, match="property name"):
            await ws.receive_json()


@pytest.mark.parametrize(
    ("method", "value"), [("send_text", b"abc"), ("send_text", 5), ("send_bytes", "abc"), ("send_bytes", 5)]
)
async def test_what_is_no_message_is_not_sent(method: str, value: Any) -> None:
    """A message of the wrong type is refused on the client's side, as the library of a real client does."""
    async with Client(serving(echo)) as client, client.ws("/ws") as ws:
        with pytest.raises(TypeError, match=r"abc|5"):
            await getattr(ws, method)(value)
        await ws.send_text("still open")
        assert "still open" == await ws.receive()


async def test_half_a_surrogate_pair_is_not_sent() -> None:
    """Text that has no UTF-8 can't be put into a frame, so no application sees it."""
    async with Client(serving(echo)) as client, client.ws("/ws") as ws:
        with pytest.raises(UnicodeEncodeError):
            await ws.send_text("\ud800")


async def test_async_for_ends_with_the_connection() -> None:
    """`async for` gives every message, and ends when the application closes."""

    async def count(req: Any, ws: Any, ctx: Any) -> None:
        await ws.accept()
        for number in range(3):
            await ws.send_text(str(number))
        await ws.send_bytes(b"end")
        await ws.close(3001, "counted")

    async with Client(serving(count)) as client, client.ws("/ws") as ws:
        assert ["0", "1", "2", b"end"] == [message async for message in ws]
        with pytest.raises(WebSocketClosed, match="closed with 3001: counted"):
            await ws.receive()


async def test_async_for_lets_an_exception_of_the_application_through() -> None:
    """A loop over messages does not end in peace where the application failed."""

    async def fail(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "one"})
        raise LookupError("no such room")

    got = []
    async with Client(raw(fail)) as client, client.ws("/ws") as ws:
        with pytest.raises(LookupError, match="no such room"):
            async for message in ws:
                got.append(message)
    assert ["one"] == got


async def test_two_may_receive_at_once() -> None:
    """Of two who wait each gets one message."""
    async with Client(serving(echo)) as client, client.ws("/ws") as ws:
        receiving = [asyncio.create_task(ws.receive()) for _ in range(2)]
        await asyncio.sleep(0)
        await ws.send_text("one")
        await ws.send_text("two")
        assert ["one", "two"] == sorted(await asyncio.gather(*receiving))


async def test_what_was_sent_before_accept_is_received_after_it() -> None:
    """What a hasty client sends ahead of the answer waits for it: a server gives it to the application afterwards."""
    scope: Any = {"type": "websocket", "path": "/ws"}
    socket = Socket(scope, checker_for(socket_scope(httpx.Request("GET", "http://x/ws"), Peer(), {}, ())), None)
    socket.up.put("in a hurry")
    assert {"type": "websocket.connect"} == await socket.receive()
    receiving = asyncio.create_task(socket.receive())
    await asyncio.sleep(0)
    assert not receiving.done()
    await socket.send({"type": "websocket.accept"})
    assert {"type": "websocket.receive", "text": "in a hurry"} == await receiving


async def test_who_asks_before_accept_waits() -> None:
    """An application that asks for messages before it accepts waits for them, and gets them all once it did."""
    received: list[Any] = []

    async def late(scope: Any, receive: Any, send: Any) -> None:
        early = asyncio.create_task(receive())
        await asyncio.sleep(0)
        assert not early.done()
        await send({"type": "websocket.accept"})
        received.extend((await early, await receive()))
        await send({"type": "websocket.close"})

    async with Client(raw(late)) as client, client.ws("/ws") as ws:
        await ws.send_text("one")
        await ws.send_bytes(b"two")
        with pytest.raises(WebSocketClosed):
            await ws.receive()
    assert [{"type": "websocket.receive", "text": "one"}, {"type": "websocket.receive", "bytes": b"two"}] == received


@pytest.mark.parametrize("given", ["receive", "ws", "client"])
async def test_a_silent_application_is_named(given: str) -> None:
    """Who waits in vain is told where the application waits, and the connection is as good as before."""

    async def echo_later(req: Any, ws: Any, ctx: Any) -> None:
        await ws.accept()
        while True:
            await ws.send_text(await ws.receive_text())

    options = {name: {"timeout": SOON} if name == given else {} for name in ("receive", "ws", "client")}
    async with Client(serving(echo_later), **options["client"]) as client, client.ws("/ws", **options["ws"]) as ws:
        silence = (
            r"WEBSOCKET /ws: the application sent nothing in 0.05 s: it waits in echo_later at .*:\d+ "
            r"\(await ws.send_text\(await ws.receive_text\(\)\)\), for the next message of the client"
        )
        with pytest.raises(ApplicationTimeout, match=silence):
            await ws.receive(**options["receive"])
        await ws.send_text("still open")
        assert "still open" == await ws.receive()


async def test_an_application_that_does_not_receive_holds_the_client_up() -> None:
    """A client can be ahead by what a server's buffers hold; then it waits, and is told where the application does."""
    enough = asyncio.Event()
    received = []

    async def slow(req: Any, ws: Any, ctx: Any) -> None:
        await ws.accept()
        await enough.wait()
        async for message in ws:
            received.append(len(message))

    async with Client(serving(slow)) as client:
        async with client.ws("/ws", timeout=SOON) as ws:
            await ws.send_bytes(b"x" * HIGH_WATER)
            await ws.send_text("one more")
            with pytest.raises(
                ApplicationTimeout, match=r"received nothing in 0.05 s: it waits in slow at .*enough.wait\(\)"
            ):
                await ws.send_text("too much")
            sending = asyncio.create_task(ws.send_text("at last"))
            await asyncio.sleep(0)
            assert not sending.done()
            enough.set()
            await sending
        await client.settled()
    assert [HIGH_WATER, 8, 7] == received


async def test_who_waits_for_room_learns_of_the_end() -> None:
    """A message that is not on its way when the application closes is not sent, and the client is told."""
    enough = asyncio.Event()

    async def stop(req: Any, ws: Any, ctx: Any) -> None:
        await ws.accept()
        await enough.wait()
        await ws.close(1009, "too much")

    async with Client(serving(stop)) as client, client.ws("/ws") as ws:
        await ws.send_bytes(b"x" * (HIGH_WATER + 1))
        sending = asyncio.create_task(ws.send_text("more"))
        await asyncio.sleep(0)
        enough.set()
        with pytest.raises(WebSocketClosed, match="1009: too much"):
            await sending


async def test_who_waits_for_room_learns_of_a_violation() -> None:
    """A message that waits for room fails with the rule that the application breaks meanwhile, at once."""
    enough = asyncio.Event()

    async def wrong(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await enough.wait()
        try:
            await send({"type": "websocket.accept"})
        except ConformanceError:
            await asyncio.Event().wait()

    async with Client(raw(wrong), timeout=None) as client:
        async with client.ws("/ws") as ws:
            await ws.send_bytes(b"x" * (HIGH_WATER + 1))
            sending = asyncio.create_task(ws.send_text("more"))
            await asyncio.sleep(0)
            enough.set()
            with pytest.raises(ConformanceError, match="websocket-accept-once"):
                await asyncio.wait_for(sending, 5)
        with pytest.raises(ApplicationTimeout):
            await client.shutdown(SOON)


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_client_that_does_not_receive_holds_the_application_up(leaves: bool) -> None:
    """An application can be ahead by so much as well; it goes on when the client receives, or learns that it left."""
    sent: list[Any] = []

    async def push(req: Any, ws: Any, ctx: Any) -> None:
        await ws.accept()
        try:
            for number in range(4):
                await ws.send_text("x" * HIGH_WATER)
                sent.append(number)
        except WebSocketDisconnected as left:
            sent.append(left.code)
            raise

    async with Client(serving(push)) as client:
        async with client.ws("/ws") as ws:
            await asyncio.sleep(0)
            assert [0, 1] == sent
            if leaves:
                await ws.disconnect()
            else:
                assert 4 == len([message async for message in ws])
        await client.settled()
    assert [0, 1, 1006 if leaves else 2, 3][: len(sent)] == sent
    assert (3 if leaves else 4) == len(sent)


async def test_the_trace_of_a_connection() -> None:
    """A WebSocket's trace says what ran so far, and has its end when it ended."""
    app = serving(echo)

    async def guard(req: Any, res: Any, ctx: Any) -> None:
        ctx.user = "ada"

    app.BEFORE("/ws", guard)
    async with Client(app) as client:
        async with client.ws("/ws") as ws:
            await ws.send_text("hello")
            assert "hello" == await ws.receive()
            assert ("/ws", ["BEFORE guard", "HANDLER echo"]) == (ws.trace.route, ws.trace.names)
            assert ws.trace.steps[-1].seconds is None
        await client.settled()
        assert ws.trace.steps[-1].seconds is not None
        assert ("ada", 1000) == (ws.trace.ctx.user, ws.trace.res.close_code)
    async with Client(raw(accepts_and_closes)) as client, client.ws("/ws") as ws:
        assert ws.trace is None
