"""The handshake of WebSockets through `Client`: accepted, refused, sent elsewhere or left unanswered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from heaven_testing import ApplicationTimeout, Client, WebSocketDenied
from socket_apps import SOON, echo, raw, serving, tell, told


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
            await ws.accept(headers=[("set-cookie", "session=7; Path=/"), ("set-cookie", "other=8; Path=/")])
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
    ("url", "scheme", "server"),
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
    with pytest.raises(RuntimeError, match="enter the client first"):
        await told(Client(serving(echo)))
