"""One WebSocket route: hooks before the handshake, the handler, and a close code for every end."""

from __future__ import annotations

import asyncio
import json

import pytest

from heaven import App, HTTPError, WebSocketDisconnected

DENIAL = {"websocket.http.response": {}}


async def connect(
    app, path="/ws", messages=(), headers=(), *, host=b"shop.test", denial=True, leave=True, send_error=None, **extra
):
    """Open a WebSocket, send messages, leave, and give back what the application sent."""
    pending = [{"type": "websocket.connect"}, *messages]
    sent = []

    async def receive():
        if pending:
            return pending.pop(0)
        if not leave:
            await asyncio.sleep(10)
        return {"type": "websocket.disconnect", "code": 1001}

    async def send(message):
        if send_error is not None and message["type"] == send_error:
            raise OSError("gone")
        sent.append(message)

    scope = {"type": "websocket", "path": path, "query_string": b"", "headers": [(b"host", host), *headers]}
    await app({**scope, "extensions": DENIAL if denial else {}, **extra}, receive, send)
    return sent


def text(content):
    return {"type": "websocket.receive", "text": content}


async def echo(req, ws, ctx):
    await ws.accept()
    async for message in ws:
        await ws.send_text(f"{message}{req.params.get('id', '')}{ctx.peek('user', '')}")


def app_of(handler, url="/ws", **options) -> App:
    app = App()
    app.WS(url, handler, **options)
    return app


async def test_a_handler_talks_with_request_and_context() -> None:
    """`async def handler(req, ws, ctx)` has the path parameters, and what hooks left."""
    app = app_of(echo, "/ws/:id:int")
    app.BEFORE("/ws/*", lambda req, res, ctx: ctx.keep("user", "ada"))
    sent = await connect(app, "/ws/7", [text("hi ")])
    assert ["websocket.accept", "websocket.send"] == [message["type"] for message in sent]
    assert "hi 7ada" == sent[1]["text"]


async def test_a_handler_that_returns_closes_with_1000() -> None:
    """An open connection never stays without an end."""

    async def greet(req, ws, ctx):
        await ws.accept()
        await ws.send_text("bye")

    assert {"type": "websocket.close", "code": 1000, "reason": ""} == (await connect(app_of(greet), leave=False))[-1]


async def test_a_handler_that_closes_itself_is_not_closed_again() -> None:
    """Its code and reason stand."""

    async def close(req, ws, ctx):
        await ws.accept()
        await ws.close(4001, "enough")

    assert [4001] == [
        message["code"] for message in await connect(app_of(close)) if message["type"] == "websocket.close"
    ]


async def test_a_failing_handler_closes_with_1011_and_leaks_nothing(caplog) -> None:
    """The exception is logged; the client learns its code alone."""

    async def fail(req, ws, ctx):
        await ws.accept()
        raise ValueError("canary")

    sent = await connect(app_of(fail))
    assert {"type": "websocket.close", "code": 1011, "reason": ""} == sent[-1]
    assert "WebSocket '/ws' failed" in caplog.text
    assert "canary" in caplog.text


@pytest.mark.parametrize("denial", [True, False])
@pytest.mark.parametrize(
    ("error", "status"),
    [(HTTPError(401, "who?", headers={"www-authenticate": "Basic"}), 401), (ValueError("canary"), 500)],
)
async def test_an_error_before_accept_is_a_denial(denial, error, status) -> None:
    """As the problem document it would be over HTTP where the server can send one, else as a close, which is a 403."""

    async def fail(req, ws, ctx):
        raise error

    sent = await connect(app_of(fail), denial=denial)
    if denial:
        assert ["websocket.http.response.start", "websocket.http.response.body"] == [
            message["type"] for message in sent
        ]
        assert (status, status) == (sent[0]["status"], json.loads(sent[1]["body"])["status"])
        assert "canary" not in sent[1]["body"].decode()
        assert (status == 401) is ((b"www-authenticate", b"Basic") in sent[0]["headers"])
    else:
        assert ["websocket.close"] == [message["type"] for message in sent]


async def test_error_handlers_answer_before_accept() -> None:
    """`ON(ValueError, fn)` makes the denial."""

    async def fail(req, ws, ctx):
        raise ValueError

    app = app_of(fail)
    app.ON(ValueError, lambda req, res, ctx, error: res.out(418, "teapot"))
    sent = await connect(app)
    assert (418, b"teapot") == (sent[0]["status"], sent[1]["body"])


async def test_before_hooks_refuse_the_handshake_and_after_hooks_run_at_its_end() -> None:
    """BEFORE runs before accept, AFTER after close, and the handler not at all where a guard aborts."""
    app, log = app_of(echo), []
    app.BEFORE("/*", lambda req, res, ctx: res.abort("no", 403))
    app.AFTER("/*", lambda req, res, ctx: log.append((res.status, res.outcome)))
    sent = await connect(app)
    assert (403, b"no") == (sent[0]["status"], sent[1]["body"])
    assert [(403, "aborted")] == log


@pytest.mark.parametrize(
    ("what", "outcome"),
    [
        ("return", "ok"),
        ("raise", "failed"),
        ("leave", "disconnected"),
        ("receive", "disconnected"),
        ("abort", "aborted"),
    ],
)
async def test_after_hooks_unwind_whatever_became_of_the_handler(what, outcome) -> None:
    """`res.outcome` says how the connection ended."""

    async def handler(req, ws, ctx):
        await ws.accept()
        if what == "raise":
            raise ValueError
        if what == "abort":
            ctx.res.abort()
        if what == "receive":
            await ws.receive_text()
        if what == "leave":
            async for _ in ws:
                pass
            await ws.send_text("nobody hears this")

    app, log = app_of(handler), []
    app.BEFORE("/*", lambda req, res, ctx: ctx.keep("res", res))
    app.AFTER("/*", lambda req, res, ctx: log.append(res.outcome))
    await connect(app)
    assert [outcome] == log


@pytest.mark.parametrize(("extra", "outcome"), [([], "disconnected"), ([ValueError("no")], "failed")])
async def test_tasks_that_find_the_client_gone_are_no_failure(extra, outcome, caplog) -> None:
    """A TaskGroup raises a group of what its tasks raised: nothing but leaving is leaving, anything else a failure."""

    async def both(req, ws, ctx):
        await ws.accept()
        raise ExceptionGroup("tasks", [WebSocketDisconnected(1001), WebSocketDisconnected(1001), *extra])

    app, log = app_of(both), []
    app.AFTER("/*", lambda req, res, ctx: log.append(res.outcome))
    await connect(app)
    assert ([outcome], bool(extra)) == (log, bool(caplog.records))


async def test_after_hooks_unwind_when_the_connection_is_cancelled() -> None:
    """CancelledError is not swallowed."""

    async def hang(req, ws, ctx):
        await ws.accept()
        await asyncio.sleep(10)

    app, log = app_of(hang), []
    app.AFTER("/*", lambda req, res, ctx: log.append(res.outcome))
    task = asyncio.ensure_future(connect(app))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ["cancelled"] == log


async def wait(*args):
    await asyncio.sleep(10)


async def stray(*args):
    """Wait for a task that was cancelled, and not with the connection."""
    task = asyncio.ensure_future(asyncio.sleep(10))
    task.cancel()
    await task


async def cancelled_in(app) -> None:
    """Cancel a connection where it waits; the cancellation goes on."""
    task = asyncio.ensure_future(connect(app))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_cancelled_inside_an_after_hook_the_others_still_run() -> None:
    """Each runs once, and those that follow see that it was cancelled."""
    app, log = app_of(echo), []
    app.AFTER("/*", lambda req, res, ctx: log.append(("outer", res.outcome)))
    app.AFTER("/*", wait)
    app.AFTER("/ws", lambda req, res, ctx: log.append(("inner", res.outcome)))
    await cancelled_in(app)
    assert [("inner", "ok"), ("outer", "cancelled")] == log


async def test_cancelled_inside_an_error_handler_after_hooks_still_unwind() -> None:
    """An error handler that waits before the handshake is accepted is part of the connection."""

    async def fail(req, ws, ctx):
        raise ValueError

    app, log = app_of(fail), []
    app.ON(ValueError, wait)
    app.AFTER("/*", lambda req, res, ctx: log.append(res.outcome))
    await cancelled_in(app)
    assert ["cancelled"] == log


async def test_an_after_hook_that_fails_or_aborts_does_not_revive_a_cancelled_connection(caplog) -> None:
    """The outcome stays."""
    app, log = app_of(wait), []
    app.AFTER("/*", lambda req, res, ctx: log.append(res.outcome))
    app.AFTER("/*", stray)
    app.AFTER("/*", lambda req, res, ctx: 1 / 0)
    app.AFTER("/*", lambda req, res, ctx: res.abort())
    await cancelled_in(app)
    assert ["cancelled"] == log
    assert "division by zero" in caplog.text


@pytest.mark.parametrize("accepts", [True, False])
async def test_a_cancelled_error_that_is_not_the_connections_own_is_a_failure(accepts, caplog) -> None:
    """Close 1011 after accept, ON(500) before it; logged, and AFTER sees a failure."""

    async def handler(req, ws, ctx):
        if accepts:
            await ws.accept()
        await stray()

    app, log = app_of(handler), []
    app.ON(500, lambda req, res, ctx, error: res.out(500, "sorry"))
    app.AFTER("/*", lambda req, res, ctx: log.append(res.outcome))
    sent = await connect(app)
    assert ["failed"] == log
    assert "WebSocket '/ws' failed" in caplog.text
    assert (1011 if accepts else b"sorry") == sent[-1]["code" if accepts else "body"]


async def test_an_error_handler_that_waits_for_what_was_cancelled_refuses(caplog) -> None:
    """With an empty 500, and AFTER hooks run."""

    async def fail(req, ws, ctx):
        raise HTTPError(404)

    app, log = app_of(fail), []
    app.ON(404, stray)
    app.AFTER("/*", lambda req, res, ctx: log.append(res.outcome))
    sent = await connect(app)
    assert (["failed"], 500, b"") == (log, sent[0]["status"], sent[1]["body"])
    assert "the error handler failed on HTTPError" in caplog.text


async def test_an_after_hook_that_waits_for_what_was_cancelled_fails_alone(caplog) -> None:
    """It is logged, and the next hook sees a failure."""
    app, log = app_of(echo), []
    app.AFTER("/*", lambda req, res, ctx: log.append(res.outcome))
    app.AFTER("/*", stray)
    await connect(app)
    assert ["failed"] == log
    assert "an AFTER hook of WebSocket '/ws' failed" in caplog.text


async def test_after_hooks_that_fail_are_logged_and_the_others_run(caplog) -> None:
    """One that aborts ends itself alone."""
    app, log = app_of(echo), []

    def fail(req, res, ctx):
        raise ValueError("canary")

    app.AFTER("/*", lambda req, res, ctx: log.append("outer"))
    app.AFTER("/*", lambda req, res, ctx: res.abort())
    app.AFTER("/*", fail)
    await connect(app)
    assert ["outer"] == log
    assert "an AFTER hook of WebSocket '/ws' failed" in caplog.text


@pytest.mark.parametrize(
    ("origins", "origin", "accepted"),
    [
        (None, b"https://evil.test", True),
        (["*"], b"https://evil.test", True),
        (["https://shop.test"], b"https://shop.test", True),
        (["https://Shop.test"], b"HTTPS://SHOP.TEST", True),
        (["https://shop.test"], None, True),
        (["https://shop.test"], b"https://evil.test", False),
        (["https://shop.test"], b"https://shop.test.evil.test", False),
        (["https://shop.test"], b"http://shop.test", False),
        (["https://shop.test"], b"null", False),
    ],
)
async def test_pages_of_other_origins_are_refused_before_accept(origins, origin, accepted) -> None:
    """Where `origins=` is given, by the route or the application; no hook runs for a refused one."""
    log = []
    for app in (App(origins=origins), App()):
        app.WS("/ws", echo, origins=origins if app.defaults.origins is None else None)
        app.BEFORE("/*", lambda req, res, ctx: log.append("hook"))
        sent = await connect(app, headers=[] if origin is None else [(b"origin", origin)])
        assert accepted is (sent[0]["type"] == "websocket.accept")
        if not accepted:
            assert (403, "Pages of this origin may not connect.") == (
                sent[0]["status"],
                json.loads(sent[1]["body"])["detail"],
            )
    assert ["hook"] * 2 * accepted == log


async def test_a_handler_that_says_nothing_refuses() -> None:
    """Neither accepted nor denied is a 403."""

    async def nothing(req, ws, ctx): ...

    sent = await connect(app_of(nothing))
    assert (403, b"") == (sent[0]["status"], sent[1]["body"])


async def test_a_handler_may_refuse_in_its_own_words() -> None:
    """`await ws.deny(status, body)` before accept stands."""

    async def deny(req, ws, ctx):
        await ws.deny(401, "who?")

    sent = await connect(app_of(deny))
    assert (2, 401, b"who?") == (len(sent), sent[0]["status"], sent[1]["body"])


async def test_a_refusal_that_cannot_be_sent_is_a_500_and_after_hooks_run(caplog) -> None:
    """A body that is no JSON is logged."""
    app, log = app_of(echo), []
    app.BEFORE("/*", lambda req, res, ctx: res.abort(object(), 403))
    app.AFTER("/*", lambda req, res, ctx: log.append("after"))
    sent = await connect(app)
    assert (500, b"") == (sent[0]["status"], sent[1]["body"])
    assert ["after"] == log
    assert "the refusal of WebSocket '/ws' can't be sent" in caplog.text


async def test_a_client_that_is_gone_when_it_is_refused_or_closed_is_no_error(caplog) -> None:
    """Nothing is logged as an error, and AFTER learns of it."""

    async def leave(req, ws, ctx):
        await ws.accept()

    refusing = (lambda req, ws, ctx: None, "websocket.http.response.start", "disconnected")
    for handler, kind, outcome in ((leave, "websocket.close", "ok"), refusing):
        app, log = app_of(handler), []
        app.AFTER("/*", lambda req, res, ctx, log=log: log.append(res.outcome))
        await connect(app, send_error=kind)
        assert "failed" not in caplog.text
        assert [outcome] == log


async def test_a_client_that_leaves_before_it_is_accepted_is_a_disconnect() -> None:
    """The handshake's first message may be the client's leave."""
    app, log = app_of(echo), []
    app.AFTER("/*", lambda req, res, ctx: log.append(res.outcome))
    sent = []

    async def receive():
        return {"type": "websocket.disconnect", "code": 1006}

    async def send(message):
        sent.append(message)

    await app({"type": "websocket", "path": "/ws", "headers": []}, receive, send)
    assert (["disconnected"], []) == (log, sent)


async def test_query_hints_are_checked_before_the_handler() -> None:
    """A value that does not convert is refused with a 422 that names it; without hints nothing is checked."""
    app = app_of(echo, "/ws?page:int")
    sent = await connect(app, query_string=b"page=x")
    assert (422, ["query", "page"]) == (sent[0]["status"], json.loads(sent[1]["body"])["errors"][0]["loc"])
    assert "websocket.accept" == (await connect(app, query_string=b"page=1"))[0]["type"]


@pytest.mark.parametrize("denial", [True, False])
async def test_without_a_route_a_websocket_is_refused(denial) -> None:
    """404 where the server can send it, `ON(404, fn)` answers it; else a close, which is a 403."""
    app = app_of(echo)
    app.GET("/x", print)
    app.ON(404, lambda req, res, ctx: "nothing here")
    sent = await connect(app, "/x", denial=denial)
    if denial:
        assert (404, b"nothing here") == (sent[0]["status"], sent[1]["body"])
    else:
        assert ["websocket.close"] == [message["type"] for message in sent]


async def test_a_host_that_is_not_served_is_refused() -> None:
    """A WebSocket of another host gets a 400."""
    app = App(hosts=["other.test"])
    app.WS("/ws", echo)
    assert 400 == (await connect(app))[0]["status"]


async def test_websockets_have_subdomains_too() -> None:
    """A route for a subdomain is found there alone."""
    app = app_of(echo, subdomain="api")
    found = [(await connect(app, host=host))[0]["type"] for host in (b"api.shop.test", b"shop.test")]
    assert ["websocket.accept", "websocket.http.response.start"] == found
