"""ASGI 3.0 where applications get it wrong, the second half: WebSockets, lifespan and shutdown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from driver import Lifespan, Server, http_scope, request
from heaven import SHUTDOWN, STARTUP, App, HTTPError
from sockets import CONNECT, DENIAL, talk

# "WebSocket: first receive is connect; refuse with the denial extension if it is offered, else close (403).
# Exactly one of text/bytes. Exception -> 1011."


async def test_the_first_thing_received_is_connect() -> None:
    """`accept` takes the connect message in before it answers; a client that left before it is no error."""
    app = App()
    order: list[str] = []

    async def handler(req: Any, ws: Any, ctx: Any) -> None:
        await ws.accept()

    app.WS("/", handler)
    pending = [CONNECT]

    async def receive() -> Any:
        order.append("receive")
        return pending.pop() if pending else {"type": "websocket.disconnect", "code": 1006}

    async def send(message: Any) -> None:
        order.append(message["type"])

    scope = {**http_scope(), "type": "websocket", "subprotocols": []}
    await app(scope, receive, send)
    assert ["receive", "websocket.accept", "websocket.close"] == order
    order.clear()
    await app(scope, receive, send)
    assert ["receive"] == order


@pytest.mark.parametrize("cause", ["abort", "error", "deny", "return", "missing", "crash"])
@pytest.mark.parametrize("extensions", [DENIAL, {}, None], ids=["denial", "close", "absent"])
async def test_a_handshake_is_refused_as_the_server_can(cause: str, extensions: Any) -> None:
    """With the extension an HTTP response is sent, status, headers and body; without it a close, which servers make a 403."""
    app = App()

    async def handler(req: Any, ws: Any, ctx: Any) -> None:
        if cause == "error":
            raise HTTPError(401, headers={"www-authenticate": "Bearer"})
        if cause == "crash":
            raise ZeroDivisionError
        if cause == "deny":
            await ws.deny(429, "later")

    if cause == "abort":
        app.BEFORE("/", lambda req, res, ctx: res.abort("no", 402))
    if cause != "missing":
        app.WS("/", handler)
    sent = await talk(app, "/", extensions=extensions)
    status = {"abort": 402, "error": 401, "deny": 429, "return": 403, "missing": 404, "crash": 500}[cause]
    if extensions is DENIAL:
        assert ["websocket.http.response.start", "websocket.http.response.body"] == [
            message["type"] for message in sent
        ]
        assert status == sent[0]["status"]
        assert (cause == "error") == ((b"www-authenticate", b"Bearer") in sent[0]["headers"])
    else:
        assert ["websocket.close"] == [message["type"] for message in sent]


@pytest.mark.parametrize(
    "message",
    [
        {"text": "a"},
        {"bytes": b"a"},
        {"text": "a", "bytes": None},
        {"text": None, "bytes": b"a"},
        {"text": ""},
        {"bytes": b""},
        {"text": None, "bytes": b""},
    ],
)
async def test_exactly_one_of_text_and_bytes(message: dict[str, Any]) -> None:
    """Messages come with one of both, the other absent or None, and go out with exactly one key; empty ones are messages too."""
    app = App()

    async def echo(req: Any, ws: Any, ctx: Any) -> None:
        await ws.accept()
        async for content in ws:
            await (ws.send_text(content) if isinstance(content, str) else ws.send_bytes(content))

    app.WS("/", echo)
    sent = await talk(app, "/", {"type": "websocket.receive", **message})
    given = {key: value for key, value in message.items() if value is not None}
    assert {"type": "websocket.send", **given} == sent[1]


async def test_an_exception_closes_with_1011() -> None:
    """A handler that fails after accept closes with 1011; one that returns, with 1000."""
    app = App()

    async def crash(req: Any, ws: Any, ctx: Any) -> None:
        await ws.accept()
        raise ZeroDivisionError

    async def end(req: Any, ws: Any, ctx: Any) -> None:
        await ws.accept()

    app.WS("/crash", crash)
    app.WS("/end", end)
    assert 1011 == (await talk(app, "/crash"))[-1]["code"]
    assert 1000 == (await talk(app, "/end"))[-1]["code"]


# "Lifespan: never let an exception escape: send startup.failed, return. Undo what had started, in reverse. Every
# shutdown step runs; then shutdown.failed if one failed. Requests get a shallow copy of state."


async def test_a_failed_start_is_said_and_undone() -> None:
    """`startup.failed` goes out, the call returns, and what had started is ended in reverse."""
    steps: list[str] = []
    app, child = App(), App()

    def failing(app: App) -> None:
        raise ZeroDivisionError

    app.ON(STARTUP, lambda app: steps.append("parent up"))
    app.ON(SHUTDOWN, lambda app: steps.append("parent down"))
    child.ON(STARTUP, lambda app: steps.append("child up"))
    child.ON(SHUTDOWN, lambda app: steps.append("child down"))
    child.ON(STARTUP, failing)
    app.mount(child, "/child")
    async with Lifespan(app) as lifespan:
        assert ["lifespan.startup.failed"] == [message["type"] for message in lifespan.messages]
        assert "ZeroDivisionError" in lifespan.messages[0]["message"]
    assert ["parent up", "child up", "child down", "parent down"] == steps


async def test_a_registration_that_cannot_work_fails_the_start() -> None:
    """Contradictions that show only when everything is wired up keep the server from serving."""
    app, one, other = App(), App(), App()
    for child in (one, other):
        child.GET("/page", lambda req, res, ctx: "")
        app.mount(child, "/same")
    async with Lifespan(app) as lifespan:
        assert "lifespan.startup.failed" == lifespan.messages[0]["type"]


async def test_every_shutdown_step_runs_and_the_failure_is_said() -> None:
    """One step that fails keeps no other from running; then `shutdown.failed` names it."""
    steps: list[str] = []
    app = App()

    def failing(app: App) -> None:
        steps.append("failed")
        raise ZeroDivisionError

    app.ON(STARTUP, lambda app: None)
    app.ON(SHUTDOWN, lambda app: steps.append("first"))
    app.ON(SHUTDOWN, failing)
    app.ON(SHUTDOWN, lambda app: steps.append("last"))
    async with Lifespan(app) as lifespan:
        pass
    assert {"first", "failed", "last"} == set(steps)
    assert "lifespan.shutdown.failed" == lifespan.messages[-1]["type"]
    assert "ZeroDivisionError" in lifespan.messages[-1]["message"]


async def test_a_foreign_application_gets_a_shallow_copy_of_state() -> None:
    """What one request writes into its state is not in another's, and values themselves are shared."""
    seen: list[dict[str, Any]] = []
    shared: list[int] = []

    async def foreign(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["shared"] = shared
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        seen.append(dict(scope["state"]))
        scope["state"]["mine"] = scope["path"]
        scope["state"]["shared"].append(1)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    app = App()
    app.mount(foreign, "/foreign")
    async with Lifespan(app):
        for path in ("/foreign/a", "/foreign/b"):
            assert 200 == (await request(app, url=path)).status
    assert ([{"shared"}, {"shared"}], [1, 1]) == ([set(state) for state in seen], shared)


# "Servers send shutdown only after connections close, so streams must learn of the shutdown another way."


async def test_streams_without_an_end_learn_of_the_shutdown() -> None:
    """Event streams end cleanly when the application is told that the server stops, before any connection is closed."""
    app = App()
    finished: list[str] = []
    ticked = asyncio.Event()

    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "tick"
                ticked.set()
                await asyncio.sleep(0.001)
        finally:
            finished.append("finally")

    app.GET("/", lambda req, res, ctx: res.events(endless()) and None)
    server = Server()
    serving = asyncio.ensure_future(server.serve(app))
    await ticked.wait()
    assert not serving.done()
    app.stopping.set()
    sent = await serving
    assert (["finally"], False) == (finished, sent[-1].get("more_body", False))


@pytest.mark.parametrize("kind", ["receiving", "sending", "stubborn", "connecting", "failing"])
async def test_sockets_learn_of_the_shutdown(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open WebSockets are closed with 1001; a handler that doesn't end by that is cancelled, and AFTER hooks run."""
    ends_by_itself = kind in ("receiving", "sending")
    monkeypatch.setattr("heaven.serving.websocket_endpoint.GRACE", 60.0 if ends_by_itself else 0.05)
    app = App()
    unwound: list[str] = []
    ended: list[str] = []
    sent: list[Any] = []
    begun, closed = asyncio.Event(), asyncio.Event()
    pending = [CONNECT]

    async def handler(req: Any, ws: Any, ctx: Any) -> None:
        try:
            if kind != "connecting":
                await ws.accept()
            while kind == "sending":
                await ws.send_text("tick")
                begun.set()
                await asyncio.sleep(0.001)
            begun.set()
            if kind in ("stubborn", "connecting"):
                await asyncio.sleep(60)
            async for _ in ws:
                pass
        except BaseException as error:
            ended.append(type(error).__name__)
            raise

    async def receive() -> Any:
        if pending:
            return pending.pop()
        await (asyncio.sleep(60) if kind == "failing" else closed.wait())
        return {"type": "websocket.disconnect", "code": 1001}

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] == "websocket.close":
            closed.set()
            if kind == "failing":
                raise RuntimeError("closed already")

    app.WS("/", handler)
    app.AFTER("/", lambda req, res, ctx: unwound.append(res.outcome))
    scope = {**http_scope(), "type": "websocket", "subprotocols": []}
    serving = asyncio.ensure_future(app(scope, receive, send))
    await begun.wait()
    await asyncio.sleep(0)
    app.stopping.set()
    await asyncio.wait_for(serving, 30)
    expected = {"receiving": [], "sending": ["WebSocketDisconnected"]}.get(kind, ["CancelledError"])
    assert expected == ended
    codes = [message["code"] for message in sent if message["type"] == "websocket.close"]
    assert [1000 if kind == "connecting" else 1001] == codes
    assert 1 == len(unwound)


@pytest.mark.parametrize("stubborn", [False, True])
async def test_sockets_end_before_what_they_work_with(stubborn: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that shuts down with WebSockets open: their handlers end first, then the SHUTDOWN steps run, in bounded time."""
    monkeypatch.setattr("heaven.running.lifespan.LAST_WORDS", 0.1 if stubborn else 60.0)
    monkeypatch.setattr("heaven.serving.websocket_endpoint.GRACE", 60.0 if stubborn else 0.02)
    order: list[str] = []
    accepted = asyncio.Event()
    app = App()

    async def handler(req: Any, ws: Any, ctx: Any) -> None:
        await ws.accept()
        accepted.set()
        try:
            await asyncio.sleep(60)
        finally:
            order.append("handler")

    app.WS("/", handler)
    app.ON(SHUTDOWN, lambda app: order.append("shutdown"))
    async with Lifespan(app):
        server = Server(CONNECT)
        scope = {**http_scope(), "type": "websocket", "subprotocols": []}
        serving = asyncio.ensure_future(app(scope, server.receive, server.send))
        await accepted.wait()
    assert (["shutdown"] if stubborn else ["handler", "shutdown"]) == order
    serving.cancel()
    await asyncio.wait((serving,))
