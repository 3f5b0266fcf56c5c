"""Advisories about what an error tells: markup to a browser, secrets to a client, forged lines to a log (classes 21, 38, 44)."""

from __future__ import annotations

import io
import logging
import re
from typing import Any

import msgspec
import pytest

from driver import Lifespan, request
from heaven import App, BackgroundError, HTTPError
from sockets import DENIAL, talk, text

SCRIPT = "<script>alert(1)</script>"
HTML = {"accept": "text/html"}

# 21: markup in errors


class Item(msgspec.Struct):
    name: str


def failing(**options: Any) -> App:
    app = App(**options)

    def fail(req: Any, res: Any, ctx: Any) -> None:
        raise HTTPError(409, f"No {SCRIPT}", errors=[{"loc": [SCRIPT, 7], "msg": SCRIPT}])

    def crash(req: Any, res: Any, ctx: Any) -> None:
        raise ValueError(SCRIPT)

    app.GET("/fail", fail)
    app.GET("/crash", crash)
    app.GET("/search?page:int", lambda req, res, ctx: "")
    app.POST("/typed", lambda req, res, ctx: "", expects=dict[str, Item])
    return app


@pytest.mark.parametrize("debug", [False, True])
async def test_class_21_text_of_errors_is_escaped_on_pages(debug: bool) -> None:
    """Details, fields, paths and, with debug, tracebacks are text on the page of an error, never markup."""
    app = failing(debug=debug)
    asked = [
        ("GET", "/fail", b""),
        ("GET", "/crash", b""),
        ("GET", f"/{SCRIPT}", b""),
        ("GET", f"/search?page={SCRIPT}", b""),
        (SCRIPT, "/fail", b""),
        ("POST", "/typed", b'{"' + SCRIPT.encode() + b'": {"name": 1}}'),
    ]
    for method, path, body in asked:
        reply = await request(app, method, path, {**HTML, "content-type": "application/json"}, body)
        assert reply.status >= 400
        assert reply.headers["content-type"].startswith("text/html")
        assert "<script" not in reply.text.lower()


async def test_class_21_a_problem_is_not_markup_to_anybody() -> None:
    """Without a wish for a page, errors are JSON, whose type no browser shows as a page."""
    for path in ("/fail", "/crash", "/nothing"):
        for headers in ({}, {"accept": "*/*"}, {"accept": "application/json"}, {"accept": "image/png"}):
            reply = await request(failing(), url=path, headers=headers)
            assert "application/problem+json" == reply.headers["content-type"]


async def test_control_class_21_a_page_put_together_has_the_markup() -> None:
    """The same text put into a page as it is, is a script there."""
    app = App()
    app.ON(409, lambda req, res, ctx, error: f"<h1>{error.detail}</h1>")

    def fail(req: Any, res: Any, ctx: Any) -> None:
        raise HTTPError(409, SCRIPT)

    app.GET("/", fail)
    assert SCRIPT in (await request(app, headers=HTML)).text


# 38: what exceptions say

CANARY = "canary-7f3a"


class Boom(Exception):
    def __repr__(self) -> str:
        return CANARY


def canaries() -> App:
    app = App()

    async def late(req: Any, res: Any, ctx: Any) -> Any:
        async def chunks() -> Any:
            raise Boom(CANARY)
            yield b""

        return chunks()

    def raising(error: BaseException) -> Any:
        def handler(req: Any, res: Any, ctx: Any) -> None:
            raise error

        return handler

    errors: dict[str, BaseException] = {
        "value": ValueError(CANARY), "key": KeyError(CANARY), "boom": Boom(CANARY), "os": OSError(2, CANARY, CANARY), "unicode": UnicodeDecodeError("utf-8", CANARY.encode(), 0, 1, CANARY),
        "group": ExceptionGroup(CANARY, [ValueError(CANARY)]), "groups": ExceptionGroup(CANARY, [ValueError(CANARY), KeyError(CANARY)]), "timeout": TimeoutError(CANARY),
        "background": BackgroundError(raising), "msgspec": msgspec.ValidationError(CANARY), "recursion": RecursionError(CANARY), "stop": StopAsyncIteration(CANARY),
    }  # fmt: skip
    for name, error in errors.items():
        app.GET(f"/{name}", raising(error))
    app.GET("/late", late)
    app.GET("/json", lambda req, res, ctx: {CANARY: object()})
    app.GET("/status", lambda req, res, ctx: res.out(CANARY, "") and None)
    app.GET("/header", lambda req, res, ctx: res.header("x", f"{CANARY}\n") and None)
    app.GET("/file", lambda req, res, ctx: res.file(f"/{CANARY}") and None)
    app.GET("/cause", raising(HTTPError(502)))
    app.BEFORE("/before/*", raising(Boom(CANARY)))
    app.GET("/before", lambda req, res, ctx: "")
    app.AFTER("/after/*", raising(Boom(CANARY)))
    app.GET("/after", lambda req, res, ctx: "")
    app.ON(418, raising(Boom(CANARY)))
    app.GET("/rescue", raising(HTTPError(418)))
    return app


CANARY_PATHS = [
    "value",
    "key",
    "boom",
    "os",
    "unicode",
    "group",
    "groups",
    "timeout",
    "background",
    "msgspec",
    "recursion",
    "stop",
    "late",
    "json",
    "status",
    "header",
    "file",
    "cause",
    "before",
    "after",
    "rescue",
]


@pytest.mark.parametrize("accept", ["*/*", "text/html"])
@pytest.mark.parametrize("path", CANARY_PATHS)
async def test_class_38_the_text_of_an_exception_stays_in_the_log(path: str, accept: str) -> None:
    """With debug off, nothing of an exception, its type or its traceback is in any message to the client."""
    reply = await request(canaries(), url=f"/{path}", headers={"accept": accept})
    sent = repr(reply.messages)
    assert reply.status in (404, 418, 500, 502, 503)
    assert not re.search(rf"{CANARY}|Boom|Traceback|\.py|Error\b(?!</)", sent.replace("Internal Server Error", ""))


async def test_class_38_a_socket_that_fails_says_1011_and_no_more() -> None:
    """An exception before accept is a plain 500, and after it a close with 1011 and without a reason."""
    app = App()

    async def chat(req: Any, ws: Any, ctx: Any) -> None:
        if "accept" in req.queries:
            await ws.accept()
        raise Boom(CANARY)

    app.WS("/chat", chat)
    sent = await talk(app, "/chat?accept=1", text("hello"))
    assert {"type": "websocket.close", "code": 1011, "reason": ""} == sent[-1]
    assert CANARY not in repr(sent + await talk(app, "/chat", extensions=DENIAL))


async def test_control_class_38_debug_shows_what_debug_is_for() -> None:
    """With debug on, the canary is in the body, so the probe would find it."""
    app = App(debug=True)

    def crash(req: Any, res: Any, ctx: Any) -> None:
        raise Boom(CANARY)

    app.GET("/", crash)
    assert CANARY in (await request(app)).text


# 44: the log

FORGED = "x\r\nERROR forged\x1b[2J\x1b]0;t\x07\u2028\x85\x9b31m\x00"


async def test_class_44_no_line_of_the_log_is_forged(caplog: pytest.LogCaptureFixture) -> None:
    """CR, LF, ESC and other controls from a path, method, header or exception are escaped in every line."""
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    logging.getLogger("heaven").addHandler(handler)
    logging.getLogger("heaven").setLevel(logging.DEBUG)
    try:
        app = App()

        def crash(req: Any, res: Any, ctx: Any) -> None:
            res.defer(crash, req, res, ctx)
            raise ValueError(FORGED)

        async def chat(req: Any, ws: Any, ctx: Any) -> None:
            await ws.accept()
            raise ValueError(FORGED)

        def defer(req: Any, res: Any, ctx: Any) -> None:
            def later() -> None:
                raise ValueError(FORGED)

            res.defer(later)

        app.HTTP("/*", crash)
        app.GET("/defer", defer)
        app.WS("/*", chat)
        app.ON(500, crash)
        await request(app, FORGED, "/x", path=f"/{FORGED}", raw_path=None)
        await request(app, "GET", "/defer")
        await talk(app, "/x", path=f"/{FORGED}", raw_path=None)
        failing_start = App()

        def start(app: Any) -> None:
            raise RuntimeError(FORGED)

        failing_start.ONCE(start)
        async with Lifespan(failing_start):
            pass
    finally:
        logging.getLogger("heaven").removeHandler(handler)
        logging.getLogger("heaven").setLevel(logging.NOTSET)
    written = handler.stream.getvalue()
    assert written.count("forged") > 4
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]", written)
    assert [] == [line for line in written.splitlines() if line.startswith("ERROR forged")]


def test_control_class_44_a_plain_format_is_forged() -> None:
    """The same path in a line as it is begins a line of its own."""
    assert any(line.startswith("ERROR forged") for line in f"GET {FORGED} failed".splitlines())
