"""WebSockets through `Client`: handshake, messages both ways, and every way a connection ends, as under a server."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from heaven import App, WebSocketDisconnected
from heaven_testing import ApplicationTimeout, Client, ConformanceError, WebSocketClosed, WebSocketDenied
from heaven_testing.inprocess.pipes import HIGH_WATER

SOON = 0.05
"""Seconds that a test waits where it waits in vain."""


def serving(handler: Any, path: str = "/ws") -> App:
    app = App()
    app.WS(path, handler)
    return app


def raw(talk: Any) -> Any:
    """An ASGI application that is told `websocket.connect` and then does what `talk` does."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        assert {"type": "websocket.connect"} == await receive()
        await talk(scope, receive, send)

    return app


async def echo(req: Any, ws: Any, ctx: Any) -> None:
    await ws.accept()
    async for message in ws:
        await (ws.send_text if isinstance(message, str) else ws.send_bytes)(message)


async def tell(req: Any, ws: Any, ctx: Any) -> None:
    """What the application is told of the handshake."""
    await ws.accept()
    await ws.send_json(
        {
            "url": req.scope["path"] + "?" + req.scope["query_string"].decode(),
            "scheme": req.scope["scheme"],
            "server": req.scope["server"],
            "headers": {name: req.headers[name] for name in req.headers},
            "cookies": dict(req.cookies),
        }
    )


async def told(client: Client, url: str = "/ws", **options: Any) -> Any:
    async with client.ws(url, **options) as ws:
        return await ws.receive_json()


# Messages


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
    "method, value", [("send_text", b"abc"), ("send_text", 5), ("send_bytes", "abc"), ("send_bytes", 5)]
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


# The handshake


async def test_the_application_chooses_a_subprotocol() -> None:
    """The subprotocols that are offered reach the application, and the client learns of the one that was chosen."""

    async def choose(req: Any, ws: Any, ctx: Any) -> None:
        await ws.accept(
            ws.subprotocols[-1] if ws.subprotocols else None, [("x-room", "7"), ("x-offered", str(ws.subprotocols))]
        )

    async with Client(serving(choose)) as client:
        async with client.ws("/ws", subprotocols=["v1.chat", "v2.chat"]) as ws:
            assert "v2.chat" == ws.subprotocol
            assert ("7", "['v1.chat', 'v2.chat']") == (ws.headers["X-Room"], ws.headers["x-offered"])
            assert "v2.chat" == ws.headers["sec-websocket-protocol"]
            assert 101 == ws.response.status_code
            assert "v1.chat, v2.chat" == ws.response.request.headers["sec-websocket-protocol"]
        async with client.ws("/ws") as ws:
            assert ws.subprotocol is None
            assert "sec-websocket-protocol" not in ws.headers


async def test_one_subprotocol_is_given_in_a_list() -> None:
    """A str is not taken for a list of letters."""
    async with Client(serving(echo)) as client:
        with pytest.raises(TypeError, match=r"subprotocols='chat' is a str; give a list of them, as in \['chat'\]"):
            client.ws("/ws", subprotocols="chat")


async def test_the_application_sees_the_headers_of_a_handshake() -> None:
    """A handshake has the header fields of RFC 6455, and those of the test beside."""
    async with Client(serving(tell)) as client:
        headers = (await told(client, headers={"origin": "https://shop.test", "x-many": "1"}))["headers"]
    assert ("websocket", "Upgrade", "13") == tuple(
        headers[name] for name in ("upgrade", "connection", "sec-websocket-version")
    )
    assert 24 == len(headers["sec-websocket-key"])
    assert ("https://shop.test", "1", "testserver") == (headers["origin"], headers["x-many"], headers["host"])


async def test_cookies_go_both_ways() -> None:
    """The client's cookies come with the handshake, and those that the acceptance or the refusal sets are kept."""

    async def log_in(req: Any, ws: Any, ctx: Any) -> None:
        if req.queries.get("refuse"):
            await ws.deny(401, headers=[("set-cookie", "refused=1")])
        else:
            await ws.accept(headers=[("set-cookie", f"session=7; Path=/"), ("set-cookie", "other=8; Path=/")])
            await ws.send_json(dict(req.cookies))

    async with Client(serving(log_in), cookies={"known": "1"}) as client:
        assert {"known": "1", "given": "2"} == await told(client, cookies={"given": "2"})
        assert {"known": "1", "session": "7", "other": "8"} == dict(client.cookies)
        assert {"known": "1", "session": "7", "other": "8"} == await told(client)
        with pytest.raises(WebSocketDenied):
            await told(client, "/ws?refuse=1")
        assert "1" == client.cookies["refused"]


async def test_what_the_client_was_made_with_holds_for_handshakes() -> None:
    """Base URL, header fields, query and authentication of the client are those of its WebSockets."""
    options: Any = {"headers": {"x-as": "ada"}, "params": {"lang": "en"}, "auth": ("ada", "secret")}
    app = serving(tell, "/v1/ws")
    async with Client(app, base_url="https://api.test:8443/v1", **options) as client:
        seen = await told(client, params={"page": 2}, headers={"x-more": "1"})
    assert ("/v1/ws?lang=en&page=2", "wss", ["api.test", 8443]) == (seen["url"], seen["scheme"], seen["server"])
    assert ("ada", "1", "Basic YWRhOnNlY3JldA==") == tuple(
        seen["headers"][name] for name in ("x-as", "x-more", "authorization")
    )


@pytest.mark.parametrize(
    "url, scheme, server",
    [
        ("ws://one.test/ws?a=1", "ws", ["one.test", 80]),
        ("wss://two.test/ws?a=1", "wss", ["two.test", 443]),
        ("http://three.test:81/ws?a=1", "ws", ["three.test", 81]),
        ("https://four.test/ws?a=1", "wss", ["four.test", 443]),
        ("/ws?a=1", "ws", ["testserver", 80]),
    ],
)
async def test_a_whole_url_may_be_given(url: str, scheme: str, server: list[Any]) -> None:
    """The schemes of WebSockets and those of HTTP lead to the same place; the application is told ws or wss."""
    async with Client(serving(tell)) as client:
        seen = await told(client, url)
    assert (scheme, server, "/ws?a=1") == (seen["scheme"], seen["server"], seen["url"])


async def test_a_base_url_of_websockets_will_do() -> None:
    """A client whose base URL is `wss:` opens WebSockets there."""
    async with Client(serving(tell), base_url="wss://shop.test") as client:
        seen = await told(client)
    assert ("wss", ["shop.test", 443]) == (seen["scheme"], seen["server"])


async def test_a_refusal_is_a_whole_response() -> None:
    """An application that refuses with a response has status, headers and body arrive, whatever it was sent in."""

    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.http.response.start", "status": 418, "headers": [(b"x-pot", b"1")]})
        await send({"type": "websocket.http.response.body", "body": b"I am ", "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"a teapot"})
        assert {"type": "websocket.disconnect", "code": 1006, "reason": ""} == await receive()

    async with Client(raw(refuse)) as client:
        with pytest.raises(WebSocketDenied, match="refused with 418") as caught:
            await told(client)
    response = caught.value.response
    assert (418, "1", "I am a teapot") == (response.status_code, response.headers["x-pot"], response.text)


async def test_a_close_before_accept_is_a_403() -> None:
    """An application that closes in place of accepting refuses with 403 and no content, whatever its code."""

    async def refuse(req: Any, ws: Any, ctx: Any) -> None:
        await ws.close(4001, "not you")

    async with Client(serving(refuse)) as client:
        with pytest.raises(WebSocketDenied) as caught:
            await told(client)
    assert (403, b"") == (caught.value.response.status_code, caught.value.response.content)
    assert ["HANDLER refuse"] == caught.value.response.trace.names


async def test_a_path_of_requests_is_none_of_websockets() -> None:
    """Where there is no WebSocket the refusal is the application's own 404."""
    async with Client(serving(echo)) as client:
        with pytest.raises(WebSocketDenied) as caught:
            await told(client, "/elsewhere")
    assert (404, "Not Found") == (caught.value.response.status_code, caught.value.response.json()["title"])


async def test_a_redirect_is_followed_where_the_client_follows_them() -> None:
    """A refusal that leads elsewhere is a refusal, unless `follow_redirects` says to go there."""

    async def move(req: Any, ws: Any, ctx: Any) -> None:
        await ws.deny(307, headers=[("location", "/ws?moved=1")])

    app = serving(tell)
    app.WS("/old", move)
    async with Client(app) as client:
        with pytest.raises(WebSocketDenied) as caught:
            await told(client, "/old")
        assert "/ws?moved=1" == caught.value.response.headers["location"]
        client.follow_redirects = True
        seen = await told(client, "/old")
        assert ("/ws?moved=1", "websocket") == (seen["url"], seen["headers"]["upgrade"])


async def test_a_handshake_that_hangs_says_where() -> None:
    """An application that does not answer a handshake is named with the line it waits in, and learns that the client left."""
    ends = []

    async def think(scope: Any, receive: Any, send: Any) -> None:
        ends.append(await receive())

    async with Client(raw(think)) as client:
        with pytest.raises(
            ApplicationTimeout,
            match=r"WEBSOCKET /ws: no answer to the handshake in 0.05 s: .*in think at .*receive\(\)",
        ):
            await told(client, timeout=SOON)
        async with asyncio.timeout(5):
            while not ends:
                await asyncio.sleep(0)
    assert [{"type": "websocket.disconnect", "code": 1006, "reason": ""}] == ends


async def test_a_handshake_may_be_given_up() -> None:
    """A test that waits no longer for a handshake is a client that vanished."""
    asked, ends = asyncio.Event(), []

    async def think(scope: Any, receive: Any, send: Any) -> None:
        asked.set()
        ends.append((await receive())["code"])

    async with Client(raw(think)) as client:
        opening = asyncio.create_task(told(client))
        await asked.wait()
        opening.cancel()
        await asyncio.wait((opening,))
        await client.settled()
    assert [1006] == ends


async def test_a_client_that_is_not_entered_opens_nothing() -> None:
    """Nobody serves a WebSocket before the application has started."""
    with pytest.raises(httpx.ConnectError, match="nobody has entered the client"):
        await told(Client(serving(echo)))


# How it ends


async def test_the_client_closes_with_code_and_reason() -> None:
    """The application is told the code and the reason, once it has received what was sent before."""
    ends = []

    async def listen(req: Any, ws: Any, ctx: Any) -> None:
        await ws.accept()
        try:
            while True:
                ends.append(await ws.receive_text())
        except WebSocketDisconnected as left:
            ends.append((left.code, left.reason))
            raise

    async with Client(serving(listen)) as client:
        async with client.ws("/ws") as ws:
            await ws.send_text("last words")
            await ws.close(4321, "genug für heute")
            with pytest.raises(WebSocketClosed, match="4321: genug für heute") as caught:
                await ws.send_text("more")
            assert (4321, "genug für heute") == (caught.value.code, caught.value.reason)
            await ws.close(4322)
        async with client.ws("/ws"):
            pass
        async with client.ws("/ws") as ws:
            await ws.disconnect()
        await client.settled()
    assert ["last words", (4321, "genug für heute"), (1000, ""), (1006, "")] == ends


@pytest.mark.parametrize("code", [999, 1004, 1005, 1006, 1015, 2999, 5000])
async def test_a_code_that_no_client_can_send_is_refused(code: int) -> None:
    """Codes that are never on the wire, or that nobody has defined, are a mistake of the test."""
    async with Client(serving(echo)) as client, client.ws("/ws") as ws:
        with pytest.raises(ValueError, match=f"can't close with {code}; give 1000, or a code from 3000 to 4999"):
            await ws.close(code)
        await ws.close(1001)


async def test_a_reason_has_to_fit_into_a_frame() -> None:
    """A reason of 123 bytes can be sent, one of 124 can't."""
    async with Client(serving(echo)) as client, client.ws("/ws") as ws:
        with pytest.raises(ValueError, match="the reason has 124 bytes; at most 123"):
            await ws.close(1000, "ü" * 62)
        await ws.close(1000, "x" * 123)


async def test_the_application_closes_with_code_and_reason() -> None:
    """What was sent before the close is received, then there is nothing more to receive, and nobody to send to."""

    async def finish(req: Any, ws: Any, ctx: Any) -> None:
        await ws.accept()
        await ws.send_text("last words")
        await ws.close(4000, "done")

    async with Client(serving(finish)) as client, client.ws("/ws") as ws:
        with pytest.raises(WebSocketClosed, match="closed with 4000: done"):
            await ws.send_text("anyone?")
        assert "last words" == await ws.receive()
        for _ in range(2):
            with pytest.raises(WebSocketClosed) as caught:
                await ws.receive()
            assert (4000, "done") == (caught.value.code, caught.value.reason)


async def test_an_application_that_closed_is_told_so() -> None:
    """After its own close an application receives what had come before, and then the end."""
    received = []

    async def finish(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await asyncio.sleep(0)
        await send({"type": "websocket.close", "code": 3000})
        received.extend([await receive(), await receive()])

    async with Client(raw(finish)) as client, client.ws("/ws") as ws:
        await ws.send_text("before")
        await client.settled()
    end = {"type": "websocket.disconnect", "code": 3000, "reason": ""}
    assert [{"type": "websocket.receive", "text": "before"}, end] == received


async def test_an_application_that_returns_cuts_the_connection() -> None:
    """A server whose application returns without closing drops the connection: 1006."""

    async def drop(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})

    async with Client(raw(drop)) as client, client.ws("/ws") as ws:
        with pytest.raises(WebSocketClosed, match="closed with 1006$"):
            await ws.receive()


async def test_sending_to_a_client_that_left_raises() -> None:
    """As under uvicorn `send` raises an OSError once the client is gone, which the application need not catch."""
    raised = []

    async def push(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        try:
            while True:
                await send({"type": "websocket.send", "text": "more"})
                await asyncio.sleep(0)
        except OSError as error:
            raised.append(str(error))
            raise

    async with Client(raw(push)) as client:
        async with client.ws("/ws") as ws:
            await ws.receive()
            await ws.disconnect()
        await client.settled()
    assert ["the client has left"] == raised


async def test_sending_to_a_client_that_left_may_be_quiet() -> None:
    """With after_disconnect="quiet" what is sent goes nowhere, as under servers that don't tell."""
    after = []

    async def push(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await receive()
        after.append(await send({"type": "websocket.send", "text": "to nobody"}))
        after.append(await send({"type": "websocket.close"}))

    async with Client(raw(push), after_disconnect="quiet") as client, client.ws("/ws") as ws:
        await ws.disconnect()
        await client.settled()
        with pytest.raises(WebSocketClosed):
            await ws.receive()
    assert [None, None] == after


async def test_an_application_may_ask_on_and_on() -> None:
    """One that does not heed the end is told it again and again, and does not keep the event loop from the rest."""

    async def deaf(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        while True:
            await receive()

    async with Client(raw(deaf)) as client:
        async with client.ws("/ws"):
            pass
        with pytest.raises(ApplicationTimeout, match=r"did not finish in 0.05 s: WEBSOCKET /ws waits in deaf at"):
            await client.settled(SOON)
        with pytest.raises(ApplicationTimeout):
            await client.shutdown(SOON)


async def test_leaving_the_block_with_an_exception_leaves_it_as_it_is() -> None:
    """What the test fails with is not hidden by what the application did meanwhile; the connection ends all the same."""
    ends = []

    async def fail(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        ends.append((await receive())["code"])
        raise LookupError("not seen")

    async def quit_at_once(client: Client) -> None:
        async with client.ws("/ws"):
            raise ZeroDivisionError

    client = Client(raw(fail))
    with pytest.raises(ZeroDivisionError):
        async with client:
            await quit_at_once(client)
    assert [1000] == ends


async def test_a_server_that_stops_closes_with_1012() -> None:
    """A WebSocket that is open when the server stops is closed as uvicorn does."""
    ends = []

    async def listen(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        ends.append((await receive())["code"])

    async with Client(raw(listen)) as client, client.ws("/ws") as ws:
        await client.shutdown()
        with pytest.raises(WebSocketClosed, match="1012"):
            await ws.receive()
    assert [1012] == ends


# What goes wrong in the application


@pytest.mark.parametrize("raises", [True, False])
async def test_an_exception_before_accept(raises: bool) -> None:
    """What the application raises in place of an answer is the test's, or with raise_app_exceptions=False a 500."""

    async def fail(scope: Any, receive: Any, send: Any) -> None:
        raise LookupError("no such room")

    async with Client(raw(fail), raise_app_exceptions=raises) as client:
        with pytest.raises(LookupError if raises else WebSocketDenied) as caught:
            await told(client)
    if not raises:
        response = caught.value.response
        assert (500, "Internal Server Error", "21") == (
            response.status_code,
            response.text,
            response.headers["content-length"],
        )


@pytest.mark.parametrize("raises", [True, False])
async def test_an_exception_after_accept(raises: bool) -> None:
    """What the application raises later is told once who receives has what was sent before, or it is 1006."""

    async def fail(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "before"})
        raise LookupError("no such room")

    async with Client(raw(fail), raise_app_exceptions=raises) as client, client.ws("/ws") as ws:
        assert "before" == await ws.receive()
        with pytest.raises(LookupError if raises else WebSocketClosed, match="no such room" if raises else "1006"):
            await ws.receive()
        with pytest.raises(WebSocketClosed, match="1006"):
            await ws.send_text("to nobody")


async def test_an_exception_is_told_to_who_sends() -> None:
    """A test that only sends learns of what the application raised."""

    async def fail(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        raise LookupError("no such room")

    async with Client(raw(fail)) as client, client.ws("/ws") as ws:
        with pytest.raises(LookupError, match="no such room"):
            await ws.send_text("hello")


async def test_an_exception_that_nobody_saw_fails_the_block() -> None:
    """A test that neither sends nor receives learns of it when it leaves."""

    async def fail(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        raise LookupError("no such room")

    async with Client(raw(fail)) as client:
        with pytest.raises(LookupError, match="no such room"):
            async with client.ws("/ws"):
                pass


@pytest.mark.parametrize("raises", [True, False])
async def test_an_exception_in_the_midst_of_a_refusal(raises: bool) -> None:
    """A refusal that breaks off is a connection that does, as under a server."""

    async def fail(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.http.response.start", "status": 401, "headers": []})
        raise LookupError("no such page")

    async with Client(raw(fail), raise_app_exceptions=raises) as client:
        with pytest.raises(
            LookupError if raises else httpx.RemoteProtocolError, match="no such page|before its refusal did"
        ):
            await told(client)


async def returns(scope: Any, receive: Any, send: Any) -> None:
    pass


async def sends_first(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.send", "text": "too early"})


async def accepts_and_refuses(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.http.response.start", "status": 401, "headers": []})


async def chooses_what_was_not_offered(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept", "subprotocol": "v9"})


@pytest.mark.parametrize("raises", [True, False])
@pytest.mark.parametrize(
    "talk, rule",
    [
        (returns, "websocket-unanswered"),
        (sends_first, "websocket-accept-first"),
        (accepts_and_refuses, "websocket-denial-early"),
        (chooses_what_was_not_offered, "websocket-subprotocol-offered"),
    ],
)
async def test_a_violation_in_the_handshake_fails_it(talk: Any, rule: str, raises: bool) -> None:
    """An application that breaks a rule of ASGI fails the test that saw it, also where exceptions are not raised."""
    async with Client(raw(talk), raise_app_exceptions=raises) as client:
        with pytest.raises(ConformanceError) as caught:
            await told(client, subprotocols=["v1"])
    assert rule == caught.value.rule.id


async def test_a_violation_later_fails_who_waits() -> None:
    """An application that breaks a rule once the connection is open fails whoever uses it next, once."""

    async def talk(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await receive()
        try:
            await send({"type": "websocket.send", "text": 5})
        except ConformanceError:
            await send({"type": "websocket.send", "text": "as if nothing had happened"})
        await receive()

    async with Client(raw(talk)) as client, client.ws("/ws") as ws:
        await ws.send_text("go")
        with pytest.raises(ConformanceError) as caught:
            await ws.receive()
        with pytest.raises(WebSocketClosed, match="1006"):
            await ws.receive()
        with pytest.raises(WebSocketClosed, match="1006"):
            await ws.send_text("to nobody")
    assert "websocket-send-type" == caught.value.rule.id


async def test_a_violation_that_nobody_saw_fails_the_block() -> None:
    """A test that did not look again learns of it when it leaves."""

    async def talk(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.accept"})

    async with Client(raw(talk)) as client:
        with pytest.raises(ConformanceError, match="websocket-accept-once"):
            async with client.ws("/ws"):
                await asyncio.sleep(0)


# Who waits, and for how long


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


async def accepts_and_closes(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close"})
