"""ASGI 3.0 where applications get it wrong: requests and their ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from driver import Server, http_scope, request
from heaven import App
from sockets import CONNECT, text

OPTIONAL = (
    "raw_path",
    "client",
    "server",
    "root_path",
    "state",
    "extensions",
    "scheme",
    "query_string",
    "http_version",
    "asgi",
)


# "raw_path, client, server, root_path, state, extensions may be absent; header names may come in capitals;
# body and more_body may be absent; unknown extra keys are ignored; HTTP/2 repeats cookie."


def everything() -> App:
    app = App(domain="shop.test")

    def show(req: Any, res: Any, ctx: Any) -> Any:
        return [
            req.method,
            req.path,
            req.params["id"],
            req.queries,
            req.ip,
            req.scheme,
            req.host,
            req.cookies,
            req.text,
            req.url.partition("?")[0][-3:],
        ]

    app.HTTP("/:id", show)
    return app


@pytest.mark.parametrize("absent", [*OPTIONAL, OPTIONAL], ids=[*OPTIONAL, "all"])
async def test_what_is_optional_in_a_scope_may_be_absent(absent: str | tuple[str, ...]) -> None:
    """A request is served the same, as far as what is missing allows."""
    missing = dict.fromkeys((absent,) if isinstance(absent, str) else absent)
    reply = await request(everything(), "POST", "/a%20b", {"host": "shop.test", "cookie": "a=1"}, b"body", **missing)
    client = None if "client" in missing else "127.0.0.1"
    assert ["POST", "/a b", "a b", {}, client, "http", "shop.test", {"a": "1"}, "body", "20b"] == reply.json


@pytest.mark.parametrize("absent", [*OPTIONAL, OPTIONAL], ids=[*OPTIONAL, "all"])
async def test_what_is_optional_in_a_websocket_scope_may_be_absent(absent: str | tuple[str, ...]) -> None:
    """A connection is served the same, without subprotocols too."""
    missing = dict.fromkeys(("subprotocols", absent) if isinstance(absent, str) else (*absent, "subprotocols"))
    app = App()

    async def echo(req: Any, ws: Any, ctx: Any) -> None:
        await ws.accept()
        async for message in ws:
            await ws.send_text(f"{message} {req.path} {ws.subprotocols} {req.ip is not None}")

    app.WS("/echo", echo)
    pending = [CONNECT, text("hi"), {"type": "websocket.disconnect"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return pending.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = http_scope("GET", "/echo", type="websocket", **missing)
    await app(scope, receive, send)
    assert f"hi /echo [] {'client' not in missing}" == sent[1]["text"]


@pytest.mark.parametrize("change", [bytes.upper, bytes.title, bytes.lower])
async def test_header_names_may_come_in_capitals(change: Any) -> None:
    """Length, type, host, cookies, accept and connection headers are found whatever the case of their names."""
    app = App(max_body_size=10, hosts=["shop.test", "api.shop.test"])
    app.POST("/json", lambda req, res, ctx: [req.json, req.cookies, req.host, req.headers["x-a"]])
    app.GET("/", lambda req, res, ctx: "api", subdomain="api")

    def headers(**fields: str) -> list[tuple[bytes, bytes]]:
        return [(change(name.replace("_", "-").encode()), value.encode()) for name, value in fields.items()]

    fields = headers(host="shop.test", content_type="application/json", content_length="3", cookie="a=1", x_a="b")
    assert [[1], {"a": "1"}, "shop.test", "b"] == (await request(app, "POST", "/json", fields, b"[1]", host=None)).json
    assert (
        413
        == (
            await request(app, "POST", "/json", headers(host="shop.test", content_length="11"), events=[], host=None)
        ).status
    )
    assert "api" == (await request(app, headers=headers(host="api.shop.test"), host=None)).text
    page = await request(app, url="/nothing", headers=headers(host="shop.test", accept="text/html"), host=None)
    assert page.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("headers", [[], [[b"host", b"a.test"]], ([b"host", b"a.test"],), ((b"host", b"a.test"),)])
async def test_headers_may_be_lists_and_tuples(headers: Any) -> None:
    """A server may give its headers as any sequence of pairs."""
    server = Server()
    await everything()({**http_scope("GET", "/x"), "headers": headers}, server.receive, server.send)
    assert (200, bool(headers)) == (server.sent[0]["status"], b"a.test" in server.sent[1]["body"])


@pytest.mark.parametrize(
    ("events", "body"),
    [
        ([{"type": "http.request"}], b""),
        ([{"type": "http.request", "body": b"all"}], b"all"),
        ([{"type": "http.request", "more_body": True}, {"type": "http.request", "body": b"x"}], b"x"),
        ([{"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.request"}], b"a"),
        (
            [
                {"type": "http.request", "body": b"", "more_body": True},
                {"type": "http.request", "body": b"b", "more_body": False, "extra": 1},
            ],
            b"b",
        ),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_body_and_more_body_may_be_absent(events: list[dict[str, Any]], body: bytes, stream: bool) -> None:
    """Messages without `body` or `more_body` mean no bytes, and the end."""
    app = App()

    async def handler(req: Any, res: Any, ctx: Any) -> bytes:
        return b"".join([chunk async for chunk in req.stream()]) if stream else req.body

    app.POST("/", handler, stream=stream)
    assert body == (await request(app, "POST", "/", {"transfer-encoding": "chunked"}, events=events)).body


async def test_unknown_keys_of_scope_and_messages_are_ignored() -> None:
    """What a later version of the specification adds breaks nothing."""
    reply = await request(
        everything(),
        "POST",
        "/x",
        {"x": "y"},
        events=[{"type": "http.request", "body": b"a", "new": 1}],
        later={"new": object()},
        extensions={"new.one": {}},
    )
    assert 200 == reply.status


async def test_http_2_repeats_cookie() -> None:
    """Several Cookie headers are one list of cookies, the first of a name counting."""
    fields = [(b"cookie", b"a=1; b=2"), (b"cookie", b"c=3"), (b"cookie", b"a=4")]
    assert {"a": "1", "b": "2", "c": "3"} == (await request(everything(), "GET", "/x", fields)).json[7]


async def test_unknown_scope_types_raise() -> None:
    """A scope of a type that is not served is an error, so that the server knows."""
    with pytest.raises(ValueError, match="telepathy"):
        await App()({"type": "telepathy"}, Server().receive, Server().send)


# "path includes root_path; strip it at a segment boundary only (/api is no prefix of /apix)."


@pytest.mark.parametrize(
    ("root", "path", "served"),
    [("/api", "/api/x", "/x"), ("/api/", "/api/x", "/x"), ("/api", "/api", "/"), ("/api", "/api/", "/"), ("/api", "/apix", "/apix"), ("/api", "/x", "/x"),
     ("/a/b", "/a/b/x", "/x"), ("/a/b", "/a/bx", "/a/bx"), ("/a b", "/a b/x", "/x"), ("", "/x", "/x"), ("/", "/x", "/x"), ("/api", "/API/x", "/API/x")],
)  # fmt: skip
@pytest.mark.parametrize("raw", [True, False])
async def test_root_path_is_stripped_at_a_segment_boundary(root: str, path: str, served: str, raw: bool) -> None:
    """Routes are matched against what is left of the path below `root_path`, and `req.path` says the same."""
    app = App()
    app.GET("/", lambda req, res, ctx: req.path)
    app.GET("/*", lambda req, res, ctx: [req.path, req.params["*"]])
    reply = await request(app, url=path.replace(" ", "%20"), root_path=root, **({} if raw else {"raw_path": None}))
    assert (reply.text if served == "/" else reply.json) == (served if served == "/" else [served, served[1:]])


async def test_an_encoded_slash_below_a_root_path_stays_in_its_segment() -> None:
    """`raw_path` is cut at the same place as `path`."""
    app = App()
    app.GET("/:a/:b", lambda req, res, ctx: req.params)
    assert {"a": "x/y", "b": "z"} == (await request(app, url="/api/x%2Fy/z", root_path="/api")).json


# "http.disconnect before the last chunk is not the end of a body."


@pytest.mark.parametrize("stream", [False, True])
async def test_a_disconnect_is_not_the_end_of_a_body(stream: bool, caplog: pytest.LogCaptureFixture) -> None:
    """No handler takes half a body for a whole one: it doesn't run, or its stream raises; nothing is logged or sent."""
    done: list[Any] = []
    app = App()

    async def handler(req: Any, res: Any, ctx: Any) -> None:
        done.append([chunk async for chunk in req.stream()] if stream else req.body)

    app.POST("/", handler, stream=stream)
    half = [{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}]
    sent = await Server(*half).serve(app, "POST", headers=[(b"content-length", b"8")])
    assert ([], [], []) == (done, sent, caplog.records)


# "send after the client left may raise OSError or do nothing: stop generators, run finally, log nothing as an error."


@pytest.mark.parametrize("raises", [OSError, BrokenPipeError, ConnectionResetError, None])
@pytest.mark.parametrize("kind", ["stream", "events", "file", "whole", "posted"])
async def test_a_client_that_left_ends_the_response(
    kind: str, raises: type[Exception] | None, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Whether send raises or says nothing, endless bodies end, their `finally` runs, and no error is logged."""
    finished: list[str] = []
    app = App()
    (tmp_path / "big").write_bytes(bytes(3_000_000))

    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "more"
                await asyncio.sleep(0)
        finally:
            finished.append("finally")

    async def posted(req: Any, res: Any, ctx: Any) -> None:
        _ = [chunk async for chunk in req.stream()]
        res.stream(endless())

    app.GET("/stream", lambda req, res, ctx: res.stream(endless()) and None)
    app.GET("/events", lambda req, res, ctx: res.events(endless()) and None)
    app.GET("/file", lambda req, res, ctx: res.file(tmp_path / "big") and None)
    app.GET("/whole", lambda req, res, ctx: "whole")
    app.POST("/posted", posted, stream=True)
    app.AFTER("/*", lambda req, res, ctx: finished.append("after"))
    body = {"type": "http.request", "body": b"x", "more_body": False}
    for gone_after in (0, 1, 2, 5):
        finished.clear()
        server = Server(body, gone_after=gone_after, raises=raises)
        headers = [(b"content-length", b"1")] if kind == "posted" else []
        await server.serve(app, "POST" if kind == "posted" else "GET", f"/{kind}", headers=headers)
        began = kind in ("stream", "posted") or (kind == "events" and (gone_after or raises is None))
        assert (["after", "finally"] if began else ["after"]) == finished
    assert [] == [record for record in caplog.records if record.levelno >= logging.WARNING]


# "An error after the response started: log once, re-raise; never a second start, never a clean end."


@pytest.mark.parametrize("kind", ["stream", "events"])
async def test_an_error_after_the_start_is_logged_once_and_raised(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """The server learns of the failure and breaks the connection off: no second start, no last chunk."""
    app = App()

    async def breaking() -> AsyncIterator[str]:
        yield "one"
        raise ZeroDivisionError

    app.GET("/stream", lambda req, res, ctx: res.stream(breaking()) and None)
    app.GET("/events", lambda req, res, ctx: res.events(breaking()) and None)
    server = Server()
    with pytest.raises(ZeroDivisionError):
        await server.serve(app, url=f"/{kind}")
    assert 1 == [message["type"] for message in server.sent].count("http.response.start")
    assert all(message.get("more_body") for message in server.sent[1:])
    assert 1 == len([record for record in caplog.records if record.levelno >= logging.ERROR])


async def test_control_an_error_before_the_start_is_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    """A stream that fails before its first chunk is an ordinary 500, logged once."""
    app = App()

    async def broken() -> AsyncIterator[str]:
        raise ZeroDivisionError
        yield ""

    app.GET("/", lambda req, res, ctx: res.stream(broken()) and None)
    assert 500 == (await request(app)).status
    assert 1 == len([record for record in caplog.records if record.levelno >= logging.ERROR])


# "CancelledError is never swallowed. Single-member ExceptionGroups are unwrapped to find a handler, real groups are not."


@pytest.mark.parametrize("where", ["before", "handler", "after", "stream", "socket", "deferred", "rescue", "body"])
async def test_a_cancellation_is_never_swallowed(where: str) -> None:
    """A request that is cancelled from outside ends cancelled, wherever it was, and its AFTER hooks have run."""
    unwound: list[str] = []
    app = App()
    reached = asyncio.Event()

    async def wait(*_: Any) -> None:
        reached.set()
        await asyncio.sleep(60)

    async def chunks() -> AsyncIterator[str]:
        yield "first"
        await wait()

    def crash(req: Any, res: Any, ctx: Any) -> None:
        raise ZeroDivisionError

    if where == "before":
        app.BEFORE("/", wait)
    if where == "after":
        app.AFTER("/", wait)
    if where == "rescue":
        app.ON(ZeroDivisionError, wait)
    app.AFTER("/*", lambda req, res, ctx: unwound.append("after"))
    handlers = {
        "handler": wait,
        "stream": lambda req, res, ctx: chunks(),
        "deferred": lambda req, res, ctx: res.defer(wait) and None,
        "rescue": crash,
    }
    app.POST("/", handlers.get(where, lambda req, res, ctx: "done"))
    app.WS("/", wait)
    server = Server()
    if where == "body":
        server.events = [{"type": "http.request", "body": b"a", "more_body": True}]
    scope = {
        **http_scope("POST", headers=[(b"transfer-encoding", b"chunked")]),
        **({"type": "websocket"} if where == "socket" else {}),
    }
    task = asyncio.ensure_future(app(scope, server.receive, server.send))
    await (asyncio.sleep(0.01) if where == "body" else reached.wait())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    assert (["after"] if where != "body" else []) == unwound


async def test_groups_of_one_are_unwrapped_and_real_groups_are_not() -> None:
    """`ON(KeyError)` sees a KeyError that a TaskGroup raised alone, also wrapped twice; two errors stay a group."""
    app = App()
    app.ON(KeyError, lambda req, res, ctx, error: res.out(404, "one"))
    app.ON(ExceptionGroup, lambda req, res, ctx, error: res.out(502, "several"))

    def raising(error: Exception) -> Any:
        def handler(req: Any, res: Any, ctx: Any) -> None:
            raise error

        return handler

    app.GET("/one", raising(ExceptionGroup("", [KeyError()])))
    app.GET("/twice", raising(ExceptionGroup("", [ExceptionGroup("", [KeyError()])])))
    app.GET("/two", raising(ExceptionGroup("", [KeyError(), ValueError()])))
    assert [404, 404, 502] == [(await request(app, url=url)).status for url in ("/one", "/twice", "/two")]


# "pathsend, trailers, early hints only if the server advertises them."


@pytest.mark.parametrize(
    "extensions",
    [{"http.response.pathsend": {}}, {}, None, {"http.response.push": {}}],
    ids=["pathsend", "none", "absent", "others"],
)
async def test_extensions_are_used_only_if_the_server_advertises_them(extensions: Any, tmp_path: Path) -> None:
    """A file goes out by `pathsend` where that is offered, and in plain messages everywhere else; nothing else is sent."""
    (tmp_path / "a.txt").write_text("content")
    app = App()
    app.GET("/", lambda req, res, ctx: res.file(tmp_path / "a.txt") and None)
    reply = await request(app, extensions=extensions)
    by_path = extensions is not None and "http.response.pathsend" in extensions
    assert ["http.response.start", "http.response.pathsend" if by_path else "http.response.body"] == [
        message["type"] for message in reply.messages
    ]
    assert by_path or reply.body == b"content"
