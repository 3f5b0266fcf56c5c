"""WebSockets through `SyncClient`: all that is true of `Client` is, without `await`."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from heaven_testing import ApplicationTimeout, ConformanceError, SyncClient, WebSocketClosed, WebSocketDenied
from heaven_testing.inprocess.pipes import HIGH_WATER
from socket_apps import SOON, accepts_and_closes, echo, raw, serving, tell


def told(client: SyncClient, url: str = "/ws", **options: Any) -> Any:
    with client.ws(url, **options) as ws:
        return ws.receive_json()


def test_messages_keep_their_kind() -> None:
    """Text, bytes and JSON go both ways."""
    with SyncClient(serving(echo)) as client, client.ws("/ws") as ws:
        ws.send_text("grüße \U0001f600")
        assert "grüße \U0001f600" == ws.receive_text()
        ws.send_bytes(b"\x00\xff")
        assert b"\x00\xff" == ws.receive_bytes()
        ws.send_json({"a": [1, None]})
        assert {"a": [1, None]} == ws.receive_json()
        ws.send_text("")
        assert "" == ws.receive()


def test_a_message_of_the_other_kind_is_said_to_be() -> None:
    """Who expects the other kind is shown what came; who sends it is refused."""
    with SyncClient(serving(echo)) as client, client.ws("/ws") as ws:
        ws.send_bytes(b"abc")
        with pytest.raises(TypeError, match="binary, not text: b'abc'"):
            ws.receive_text()
        ws.send_text("abc")
        with pytest.raises(TypeError, match="text, not binary: 'abc'"):
            ws.receive_bytes()
        with pytest.raises(TypeError):
            ws.send_text(b"abc")  # type: ignore[arg-type]


def test_for_ends_with_the_connection() -> None:
    """`for` gives every message, and ends when the application closes."""

    async def count(req: Any, ws: Any, ctx: Any) -> None:
        await ws.accept()
        for number in range(3):
            await ws.send_text(str(number))
        await ws.close(3001, "counted")

    with SyncClient(serving(count)) as client, client.ws("/ws") as ws:
        assert ["0", "1", "2"] == list(ws)
        with pytest.raises(WebSocketClosed, match="closed with 3001: counted"):
            ws.send_text("more")


def test_the_handshake() -> None:
    """Subprotocols, header fields, cookies, query and authentication are those of the client and of the call."""

    async def choose(req: Any, ws: Any, ctx: Any) -> None:
        await ws.accept(ws.subprotocols[-1], [("x-room", "7"), ("set-cookie", "session=7; Path=/")])

    app = serving(tell)
    app.WS("/choose", choose)
    options: Any = {"headers": {"x-as": "ada"}, "params": {"lang": "en"}, "cookies": {"known": "1"}, "auth": ("a", "b")}
    with SyncClient(app, base_url="https://shop.test", **options) as client:
        with client.ws("/choose", subprotocols=["v1", "v2"]) as ws:
            assert ("v2", "7", 101) == (ws.subprotocol, ws.headers["x-room"], ws.response.status_code)
        seen = told(client, headers={"x-more": "1"}, params={"page": 2}, cookies={"given": "2"})
    assert ("/ws?lang=en&page=2", "wss", ["shop.test", 443]) == (seen["url"], seen["scheme"], seen["server"])
    assert {"known": "1", "session": "7", "given": "2"} == seen["cookies"]
    assert ("ada", "1", "Basic YTpi") == tuple(seen["headers"][name] for name in ("x-as", "x-more", "authorization"))


def test_a_refusal_is_a_whole_response() -> None:
    """A denial has status, headers and body; a plain close is a 403 without content."""

    async def refuse(req: Any, ws: Any, ctx: Any) -> None:
        if "plainly" in req.queries:
            await ws.close()
        else:
            await ws.deny(401, {"why": "no token"}, headers=[("www-authenticate", "Bearer")])

    with SyncClient(serving(refuse)) as client:
        with pytest.raises(WebSocketDenied, match="refused with 401") as caught:
            told(client)
        response = caught.value.response
        assert ({"why": "no token"}, "Bearer") == (response.json(), response.headers["www-authenticate"])
        with pytest.raises(WebSocketDenied) as caught:
            told(client, "/ws?plainly=1")
        assert (403, b"") == (caught.value.response.status_code, caught.value.response.content)


def test_the_client_closes_or_vanishes() -> None:
    """Close codes and reasons arrive, and a client that is gone without a word is 1006."""
    ends: list[Any] = []

    async def listen(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        message = await receive()
        ends.append((message["code"], message["reason"]))

    with SyncClient(raw(listen)) as client:
        with client.ws("/ws") as ws:
            ws.close(4321, "genug")
            with pytest.raises(WebSocketClosed, match="4321: genug"):
                ws.receive()
        with client.ws("/ws") as ws:
            ws.disconnect()
        with client.ws("/ws") as ws:
            with pytest.raises(ValueError, match="can't close with 1006"):
                ws.close(1006)
        client.settled()
    assert [(4321, "genug"), (1006, ""), (1000, "")] == sorted(ends, reverse=True)


@pytest.mark.parametrize("raises", [True, False])
def test_exceptions_before_and_after_accept(raises: bool) -> None:
    """What the application raises is the test's, or what a real client would see of it."""

    async def fail(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/after":
            await send({"type": "websocket.accept"})
        raise LookupError("no such room")

    with SyncClient(raw(fail), raise_app_exceptions=raises) as client:
        with pytest.raises(LookupError if raises else WebSocketDenied, match="no such room|refused with 500"):
            told(client, "/before")
        with pytest.raises(LookupError if raises else WebSocketClosed, match="no such room|1006"):
            told(client, "/after")


def test_an_exception_that_nobody_saw_fails_the_block() -> None:
    """A test that did not look learns of it when it leaves, unless it fails with something else."""
    tried = threading.Event()

    async def fail(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        tried.set()
        raise LookupError("no such room")

    with SyncClient(raw(fail)) as client:
        with pytest.raises(LookupError, match="no such room"):
            with client.ws("/ws"):
                assert tried.wait(5)
    with pytest.raises(ZeroDivisionError):
        with SyncClient(raw(fail)) as client, client.ws("/ws"):
            raise ZeroDivisionError


def test_a_violation_fails_the_test() -> None:
    """An application that breaks a rule of ASGI fails the test."""

    async def talk(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.accept"})

    with SyncClient(raw(talk)) as client:
        with pytest.raises(ConformanceError, match="websocket-accept-once"):
            told(client)


def test_who_waits_in_vain_is_told_where_the_application_waits() -> None:
    """Handshake, receive and send have a limit; a socket whose receive timed out is as good as before."""

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/mute":
            await receive()
            return
        await send({"type": "websocket.accept"})
        if scope["path"] == "/deaf":
            await leave.wait()
        message = await receive()
        await send({"type": "websocket.send", "text": message["text"]})

    leave = asyncio.Event()
    with SyncClient(raw(slow)) as client:
        with pytest.raises(ApplicationTimeout, match=r"no answer to the handshake in 0.05 s: .*waits in slow at"):
            told(client, "/mute", timeout=SOON)
        with client.ws("/ws") as ws:
            with pytest.raises(ApplicationTimeout, match=r"sent nothing in 0.05 s: .*, for the next message of the cl"):
                ws.receive(SOON)
            for receive in (ws.receive_text, ws.receive_bytes, ws.receive_json):
                with pytest.raises(ApplicationTimeout):
                    receive(timeout=0)
            ws.send_text("still open")
            assert "still open" == ws.receive()
        with client.ws("/deaf", timeout=SOON) as ws:
            ws.send_bytes(b"x" * (HIGH_WATER + 1))
            with pytest.raises(
                ApplicationTimeout, match=r"received nothing in 0.05 s: it waits in slow at .*leave.wait"
            ):
                ws.send_text("too much")
            ws.disconnect()
        client._thread._loop.call_soon_threadsafe(leave.set)  # type: ignore[union-attr]
        with pytest.raises(KeyError):
            client.settled()


def test_the_trace_of_a_connection() -> None:
    """A WebSocket's trace is that of its route; an application that is not Heaven's has none."""
    with SyncClient(serving(echo)) as client, client.ws("/ws") as ws:
        assert ("/ws", ["HANDLER echo"]) == (ws.trace.route, ws.trace.names)
    with SyncClient(raw(accepts_and_closes)) as client, client.ws("/ws") as ws:
        assert ws.trace is None


def test_a_client_that_is_not_entered_opens_nothing() -> None:
    """Nobody serves a WebSocket before the application has started."""
    with pytest.raises(RuntimeError, match="enter the client first"):
        told(SyncClient(serving(echo)))
