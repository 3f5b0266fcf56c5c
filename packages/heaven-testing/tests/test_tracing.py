"""Traces: what ran for a request, in order, with times and errors, at whatever level it was registered."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from heaven import App, Context, Request, Response, WebSocket
from heaven_testing.tracing import CURRENT, Trace, TraceStep, observe


async def ask(app: App, url: str = "/", *, method: str = "GET", traced: bool = True, **extra: Any) -> Trace:
    """Send a request, as the server in this process does, and give back its trace."""
    path, _, query = url.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(b"host", b"testserver")],
        **extra,
    }
    messages: list[Any] = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]

    async def receive() -> Any:
        return messages.pop(0) if scope["type"] == "websocket" else {"type": "http.request", "body": b""}

    async def send(message: Any) -> None: ...

    observe(app)
    trace = Trace(app, scope)

    async def serve() -> None:
        CURRENT.set(trace if traced else None)
        await app(scope, receive, send)

    await asyncio.create_task(serve())
    return trace


def guard(req, res, ctx):
    ctx.guarded = True


def read(req, res, ctx):
    return {"id": req.params["id"]}


def fail(req, res, ctx):
    raise ValueError("broken")


def refuse(req, res, ctx):
    res.abort("no", 403)


def stamp(req, res, ctx): ...


def apologise(req, res, ctx, error):
    return "sorry"


def shop() -> App:
    app = App()
    app.BEFORE("/*", guard)
    app.AFTER("/*", stamp)
    app.GET("/orders/:id:int", read)
    app.GET("/fail", fail)
    app.BEFORE("/refused", refuse)
    app.GET("/refused", read)
    app.POST("/upload", read, max_body_size=10)
    app.ON(ValueError, apologise)
    app.ON(404, apologise)
    return app


async def test_what_ran_is_told_in_order() -> None:
    """Hooks and handler, with the route and the pattern of each."""
    trace = await ask(shop(), "/orders/7")
    assert ["BEFORE guard", "HANDLER read", "AFTER stamp"] == trace.names
    assert ["/*", "/orders/:id:int", "/*"] == [step.pattern for step in trace.steps]
    assert "/orders/:id:int" == trace.route
    assert [f"{__name__}.{name}" for name in ("guard", "read", "stamp")] == [step.name for step in trace.steps]
    assert f"{__file__}:{read.__code__.co_firstlineno}" == trace.steps[1].place


async def test_the_objects_that_the_handler_saw_are_kept() -> None:
    """Request, response and context, with what hooks left there."""
    trace = await ask(shop(), "/orders/7")
    assert isinstance(trace.req, Request)
    assert isinstance(trace.res, Response)
    assert isinstance(trace.ctx, Context)
    assert ({"id": 7}, {"id": 7}, True) == (trace.req.params, trace.res.body, trace.ctx.guarded)


async def test_each_step_has_its_times() -> None:
    """Seconds since the request began, and how long it ran; what awaits runs for as long as it awaits."""
    app = App()

    async def slow(req, res, ctx):
        await asyncio.sleep(0.02)

    app.GET("/", slow)
    app.BEFORE("/", guard)
    hook, handler = (await ask(app)).steps
    assert hook.seconds is not None
    assert handler.seconds is not None
    assert 0 < hook.started <= hook.started + hook.seconds <= handler.started
    assert 0.015 < handler.seconds
    assert hook.seconds < handler.seconds


async def test_a_step_that_runs_has_no_duration_yet() -> None:
    """A request that hangs shows where."""
    app, began, proceed = App(), asyncio.Event(), asyncio.Event()
    seen: list[Trace] = []

    async def hang(req, res, ctx):
        trace = CURRENT.get()
        assert trace is not None
        seen.append(trace)
        began.set()
        await proceed.wait()

    app.GET("/", hang)
    asked = asyncio.create_task(ask(app))
    await began.wait()
    assert (None, True) == (seen[0].steps[0].seconds, "is running" in str(seen[0]))
    proceed.set()
    await asked
    assert None is not seen[0].steps[0].seconds


async def test_an_error_is_kept_with_the_step_that_raised_it() -> None:
    """The handler's, and then the error handler by what it is registered for."""
    trace = await ask(shop(), "/fail")
    assert ["BEFORE guard", "HANDLER fail", "ON apologise", "AFTER stamp"] == trace.names
    error = trace.steps[1].error
    assert (ValueError, "broken", "ValueError", "/fail") == (
        type(error),
        str(error),
        trace.steps[2].pattern,
        trace.route,
    )
    assert [None, None, None] == [trace.steps[index].error for index in (0, 2, 3)]


async def test_abort_is_no_error() -> None:
    """It is how a hook answers; the objects are there although no handler ran."""
    trace = await ask(shop(), "/refused")
    assert ["BEFORE guard", "BEFORE refuse", "AFTER stamp"] == trace.names
    assert [None, None, None] == [step.error for step in trace.steps]
    assert isinstance(trace.res, Response)
    assert ("no", "/refused") == (trace.res.body, trace.route)


async def test_where_no_route_matches_only_the_error_handler_ran() -> None:
    """By its status."""
    trace = await ask(shop(), "/nowhere")
    assert (None, ["ON apologise"], "404") == (trace.route, trace.names, trace.steps[0].pattern)


@pytest.mark.parametrize(
    ("url", "extra", "route"),
    [
        ("/upload", {}, "/upload"),
        ("/shop/upload?x=1", {"root_path": "/shop", "raw_path": b"/shop/upload"}, "/upload"),
        ("/upload", {"headers": [(b"host", b"[bad"), (b"content-length", b"11")]}, "/upload"),
        ("/orders", {"method": "PUT"}, None),
    ],
)
async def test_a_route_of_which_nothing_ran_is_told_all_the_same(url, extra, route) -> None:
    """A body that is too large is refused before the first hook; the application knows which route that was."""
    app = App()
    app.POST("/upload", read, max_body_size=10)
    extra = {"method": "POST", "headers": [(b"host", b"testserver"), (b"content-length", b"11")], **extra}
    trace = await ask(app, url, **extra)
    assert ([], route, None, None) == (trace.names, trace.route, trace.req, trace.ctx)
    assert str(trace).endswith(f"{'route ' + route if route else 'no route'}\n  nothing ran")


@pytest.mark.parametrize("wrapped", [False, True])
async def test_steps_of_all_levels_are_there(wrapped) -> None:
    """Of mounted applications, with and without middleware, each step once, also where the child was observed before."""
    root, child = App(), shop()
    if wrapped:
        child.WRAP(lambda app: app)
    observe(child)
    root.BEFORE("/*", guard)
    root.mount(child, "/shop")
    root.ON(Exception, apologise)
    trace = await ask(root, "/shop/orders/7")
    assert ("/shop/orders/:id:int", ["HANDLER read", "AFTER stamp"]) == (trace.route, trace.names[-2:])
    assert ["BEFORE guard", "ON apologise"] == [
        name for name in (await ask(root, "/shop/fail")).names if name.startswith(("BEFORE", "ON"))
    ]


async def test_a_websocket_is_traced() -> None:
    """With its socket as the handler had it, whatever hooks saw."""
    app = App()

    @app.WS("/chat")
    async def chat(req, ws, ctx):
        await ws.accept()

    app.BEFORE("/chat", guard)
    app.AFTER("/chat", stamp)
    trace = await ask(app, "/chat", type="websocket", scheme="ws")
    assert ["BEFORE guard", "HANDLER chat", "AFTER stamp"] == trace.names
    assert isinstance(trace.res, WebSocket)
    assert "WEBSOCKET /chat: route /chat" == str(trace).partition("\n")[0]


async def test_without_a_trace_nothing_is_noted() -> None:
    """An application that was observed once serves others as before; what it is asked twice is noted once."""
    app = shop()
    assert [] == (await ask(app, "/orders/7", traced=False)).steps
    assert 3 == len((await ask(app, "/orders/7")).steps)


async def test_it_reads_well() -> None:
    """Columns that line up, errors at the end, and everything has its place."""
    lines = re.sub(r"\d+\.\d\d ms", "0.00 ms", str(await ask(shop(), "/fail"))).replace(__name__, "m").split("\n")
    assert "GET /fail: route /fail" == lines[0]
    assert [
        "  BEFORE   m.guard      /*          at 0.00 ms  0.00 ms",
        "  HANDLER  m.fail       /fail       at 0.00 ms  0.00 ms",
        "  ON       m.apologise  ValueError  at 0.00 ms  0.00 ms",
        "  AFTER    m.stamp      /*          at 0.00 ms  0.00 ms",
    ] == [line.partition(f"  {__file__}:")[0] for line in lines[1:]]
    assert lines[2].endswith("raised ValueError: broken")


def test_a_step_and_a_trace_can_be_printed_alone() -> None:
    """An error without words is told by its class."""
    step = TraceStep("HANDLER", "shop.read", "shop.py:7", "/", 0.001, None, KeyError())
    assert "HANDLER  shop.read  /  at 1.00 ms  is running  shop.py:7  raised KeyError" == str(step)
    assert "<Trace None: nothing ran>" == repr(Trace())
    trace = Trace()
    trace.steps.append(step)
    assert "<Trace None: HANDLER read>" == repr(trace)
