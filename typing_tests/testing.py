"""How tests of applications are written, as the type checkers see it. Never executed."""

from __future__ import annotations

from typing import Any, assert_type

from heaven import App, Context, Key, Request, Response
from heaven_testing import (
    Called,
    Client,
    LiveServer,
    RedisServer,
    SentinelServer,
    SyncClient,
    SyncWebSocketSession,
    ToxicProxy,
    Trace,
    WebSocketSession,
    call,
    conforming,
    make_context,
    make_request,
    make_response,
)
from heaven_testing import Response as Answer

NUMBERS: Key[list[int]] = Key("numbers")


async def guard(req: Request, res: Response, ctx: Context) -> None: ...


async def open_stock(app: App) -> None: ...


async def asynchronous(app: App) -> None:
    async with Client(app, base_url="http://api.shop.test", leaks={"tasks"}, follow_redirects=True) as client:
        assert_type(client, Client)
        answer = await client.post("/orders", json={"item": "mug"}, disconnect_after=10)
        assert_type(answer, Answer)
        assert_type(answer.trace, Trace | None)
        assert_type(answer.req, Request | None)
        assert_type(answer.ctx, Context | None)
        async with client.stream("GET", "/ticks", read_delay=0.1) as stream:
            assert_type(stream, Answer)
        async with client.ws("/chat", subprotocols=["v1"]) as ws:
            assert_type(ws, WebSocketSession)
            assert_type(await ws.receive_text(timeout=1.0), str)
            assert_type(await ws.receive_bytes(), bytes)
            assert_type(await ws.receive(), str | bytes)
            async for message in ws:
                assert_type(message, str | bytes)
        client.swap(open_stock, open_stock)
        client.bypass(guard)
        client.override(NUMBERS, [1])
        client.override("numbers", [1])
        await client.shutdown()
        await client.settled()


def synchronous(app: App) -> None:
    with SyncClient(conforming(app), timeout=None) as client:
        assert_type(client.get("/"), Answer)
        with client.ws("/chat") as ws:
            assert_type(ws, SyncWebSocketSession)
            assert_type(ws.receive_json(), Any)


async def alone() -> None:
    called = await call(guard, "POST", "/orders", json={}, ctx=make_context(user="ada"))
    assert_type(called, Called)
    assert_type(called.res, Response)
    assert_type(make_request("GET", "/"), Request)
    assert_type(make_response(), Response)


def servers() -> None:
    with RedisServer() as redis, ToxicProxy(redis.url) as proxy:
        assert_type(proxy.url, str)
        with SentinelServer(redis, service="shop") as sentinel:
            assert_type(sentinel.url, str)
    with LiveServer("shop:app") as live:
        assert_type(live.url, str)
