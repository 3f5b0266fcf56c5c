"""The Heaven applications of the parity scenarios: HTTP on the main one, and small ones with options of their own."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any

from msgspec import Struct

from heaven import SHUTDOWN, App, ClientDisconnected, HTTPError, NotFound
from parity_notes import folder, gate, note, noted

MEBIBYTE = 1024 * 1024
VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="unset")

app = App(max_body_size=4 * MEBIBYTE)
api = app.subdomain("api")


class Order(Struct):
    """A typed body."""

    id: int
    title: str = ""


@app.ONCE
async def greet(app: App) -> None:
    app.keep("greeting", "hello from startup")
    VARIABLE.set("set at startup")


app.ON(SHUTDOWN, lambda app: app.unkeep("greeting"))

# Routing

app.GET("/", lambda req, res, ctx: "hello")
app.GET("/orders/:id:int", lambda req, res, ctx: {"id": req.params["id"], "route": req.route}, name="order")
app.PUT("/orders/:id:int", lambda req, res, ctx: {"put": req.params["id"]})
app.GET("/names/:name", lambda req, res, ctx: {"name": req.params["name"]})
app.GET("/files/*", lambda req, res, ctx: {"rest": req.params["*"]})
app.GET("/search?page:int&exact:bool", lambda req, res, ctx: dict(req.queries))
app.GET("/all", lambda req, res, ctx: req.queries_all)
app.HTTP("/any", lambda req, res, ctx: {"method": req.method, "size": len(req.body)})
app.GET("/url", lambda req, res, ctx: {"url": req.url, "order": req.url_for("order", id=7), "path": req.path})
app.GET("/where", lambda req, res, ctx: {"host": req.host, "subdomain": req.subdomain, "ip": req.ip})
app.GET("/greeting", lambda req, res, ctx: req.app.peek("greeting"))
api.GET("/where", lambda req, res, ctx: {"api": req.subdomain})

# Bodies


@app.POST("/echo")
async def echo(req: Any, res: Any, ctx: Any) -> bytes:
    res.headers["content-type"] = req.headers.get("content-type", "application/x-none")
    res.headers["x-framing"] = ", ".join(
        name for name in ("content-length", "transfer-encoding") if name in req.headers
    )
    return req.body


@app.POST("/form")
async def form(req: Any, res: Any, ctx: Any) -> dict[str, Any]:
    files = [[name, upload.filename, upload.content_type, len(upload.body)] for name, upload in req.files.items()]
    return {"fields": dict(req.form), "files": files}


@app.POST("/sum", stream=True)
async def total(req: Any, res: Any, ctx: Any) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    async for chunk in req.stream():
        size += len(chunk)
        digest.update(chunk)
    return {"size": size, "sha256": digest.hexdigest()}


@app.POST("/pieces", stream=True)
async def pieces(req: Any, res: Any, ctx: Any) -> str:
    try:
        async for chunk in req.stream():
            note(req.queries["key"], chunk.decode())
    except ClientDisconnected:
        note(req.queries["key"], "the client left")
        raise
    return "all pieces came"


@app.POST("/half", stream=True)
async def half(req: Any, res: Any, ctx: Any) -> str:
    """Answer without reading the body to its end."""
    async for chunk in req.stream():
        return f"enough after {chunk[:5].decode()}"
    return "nothing came"


app.POST("/json", lambda req, res, ctx: {"json": req.json})
app.POST("/text", lambda req, res, ctx: {"text": req.text})
app.POST("/typed", lambda req, res, ctx: req.data, expects=Order)
app.POST("/small", lambda req, res, ctx: len(req.body), max_body_size=8)
app.POST("/small-stream", total, max_body_size=8, stream=True)

# Streams


async def counted(*chunks: bytes | str) -> AsyncIterator[bytes | str]:
    for chunk in chunks:
        yield chunk


async def blocks(count: int, size: int) -> AsyncIterator[bytes]:
    for number in range(count):
        yield bytes([number % 256]) * size


@app.GET("/stream")
async def stream(req: Any, res: Any, ctx: Any) -> None:
    res.stream(counted(b"one ", "two ", b"", b"three"), "text/plain")


@app.GET("/stream-of-known-length")
async def known(req: Any, res: Any, ctx: Any) -> None:
    res.headers["content-length"] = "8"
    res.stream(counted(b"abcd", b"efgh"))


@app.GET("/gated-stream")
async def gated(req: Any, res: Any, ctx: Any) -> None:
    key = req.queries["key"]

    async def chunks() -> AsyncIterator[str]:
        yield "first"
        await gate(key)
        yield "second"

    res.stream(chunks(), "text/plain")


@app.GET("/ticks")
async def ticks(req: Any, res: Any, ctx: Any) -> None:
    key = req.queries["key"]

    async def forever() -> AsyncIterator[dict[str, Any]]:
        try:
            number = 0
            while True:
                number += 1
                yield {"event": "tick", "id": number, "data": {"number": number}}
                await asyncio.sleep(0.001)
        finally:
            note(key, "closed")

    res.events(forever(), retry=3000)


@app.GET("/quiet")
async def quiet(req: Any, res: Any, ctx: Any) -> None:
    """Events that say one thing, and then nothing more until the client leaves."""
    key = req.queries["key"]

    async def once() -> AsyncIterator[str]:
        try:
            yield "only"
            await asyncio.Event().wait()
        finally:
            note(key, "closed")

    res.events(once())


@app.GET("/events")
async def events(req: Any, res: Any, ctx: Any) -> None:
    async def three() -> AsyncIterator[Any]:
        yield "plain"
        yield {"event": "named", "data": "two\nlines"}
        yield {"id": 3, "data": {"total": 12}}

    res.events(three(), retry=1000)


@app.GET("/flood")
async def flood(req: Any, res: Any, ctx: Any) -> None:
    """More than any buffer between two ends holds; each block is noted once it is on its way."""
    key, count = req.queries["key"], int(req.queries["count"])

    async def blocks_with_notes() -> AsyncIterator[bytes]:
        try:
            for _ in range(count):
                yield bytes(MEBIBYTE)
                note(key, "sent")
        finally:
            note(key, "closed")

    res.stream(blocks_with_notes())


@app.GET("/in-time")
async def in_time(req: Any, res: Any, ctx: Any) -> None:
    """A stream that takes long altogether, and never long for its next piece."""

    async def pieces() -> AsyncIterator[str]:
        for number in range(4):
            yield f"{number} "
            await asyncio.sleep(float(req.queries.get("pause", "0.1")))

    res.stream(pieces(), "text/plain")


@app.POST("/transform", stream=True)
async def transform(req: Any, res: Any, ctx: Any) -> None:
    async def upper() -> AsyncIterator[bytes]:
        async for chunk in req.stream():
            yield chunk.upper()

    res.stream(upper(), "text/plain")


app.GET("/crumbs", lambda req, res, ctx: res.stream(blocks(5000, 1)) and None)
app.GET("/big", lambda req, res, ctx: res.stream(blocks(64, MEBIBYTE // 4)) and None)
app.GET("/large", lambda req, res, ctx: b"x" * (3 * MEBIBYTE))
app.GET("/file", lambda req, res, ctx: res.file(folder() / "letters.txt") and None)
app.GET("/download", lambda req, res, ctx: res.file(folder() / "letters.txt", filename="Größe.txt") and None)
app.GET("/no-file", lambda req, res, ctx: res.file(folder() / "nothing.txt") and None)

# Headers and cookies


@app.GET("/headers")
async def headers(req: Any, res: Any, ctx: Any) -> Any:
    return [[name, value] for name, value in req.headers.items() if name.startswith("x-")]


@app.GET("/send-headers")
async def send_headers(req: Any, res: Any, ctx: Any) -> str:
    res.headers.add("x-many", "one")
    res.headers.add("x-many", "two")
    res.headers["x-empty"] = ""
    res.headers["x-latin"] = "caf\xe9"
    return "sent"


app.GET("/cookies", lambda req, res, ctx: req.cookies)


@app.GET("/cookies/set")
async def set_cookies(req: Any, res: Any, ctx: Any) -> str:
    res.cookie("plain", "1")
    res.cookie("below", "2", path="/cookies/below")
    res.cookie("wide", "3", domain="heaven.test")
    res.cookie("secure", "4", secure=True)
    return "set"


@app.GET("/cookies/redirect")
async def cookie_and_redirect(req: Any, res: Any, ctx: Any) -> None:
    res.cookie("on-the-way", "1")
    res.redirect("/cookies")


app.GET("/cookies/below", lambda req, res, ctx: req.cookies)
app.GET("/cookies/delete", lambda req, res, ctx: res.cookie("plain", "", max_age=0) and "deleted")


@app.GET("/private")
async def private(req: Any, res: Any, ctx: Any) -> str:
    given = req.headers.get("authorization", "")
    if not given:
        challenge = 'Digest realm="parity", nonce="abc", qop="auth", algorithm=SHA-256'
        raise HTTPError(401, headers={"www-authenticate": challenge})
    return " ".join(sorted(part.partition("=")[0] for part in given.replace(",", " ").split()))


app.GET("/authorization", lambda req, res, ctx: req.headers.get("authorization"))
app.HTTP("/moved/:status:int", lambda req, res, ctx: res.redirect("/any?moved=1", req.params["status"]) and None)
app.GET("/elsewhere", lambda req, res, ctx: res.redirect("http://api.heaven.test/where") and None)
app.GET("/loop", lambda req, res, ctx: res.redirect("/loop") and None)

# Statuses and errors


@app.HTTP("/status/:code:int")
async def status(req: Any, res: Any, ctx: Any) -> str:
    res.status = req.params["code"]
    res.headers["x-status"] = "kept"
    return "content"


async def raising(error: Exception) -> AsyncIterator[bytes]:
    raise error
    yield b""


@app.GET("/fails-in-stream")
async def fails_in_stream(req: Any, res: Any, ctx: Any) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"begun"
        raise RuntimeError("in the middle")

    if "length" in req.queries:
        res.headers["content-length"] = "100"
    res.stream(chunks())


@app.GET("/slow", timeout=0.05)
async def slow(req: Any, res: Any, ctx: Any) -> None:
    await asyncio.Event().wait()


@app.GET("/crash")
async def crash(req: Any, res: Any, ctx: Any) -> None:
    raise RuntimeError("a secret")


@app.GET("/conflict")
async def conflict(req: Any, res: Any, ctx: Any) -> None:
    raise HTTPError(409, "It was there already.", headers={"retry-after": "3"})


app.GET("/not-json", lambda req, res, ctx: {"value": object()})
app.GET("/fails-before-stream", lambda req, res, ctx: res.stream(raising(NotFound("no rows"))) and None)
app.GET("/bad-status", lambda req, res, ctx: res.out(99, "x") and None)

# Hooks, deferred work, disconnects, concurrency


async def first(req: Any, res: Any, ctx: Any) -> None:
    ctx.order = ["first"]


async def second(req: Any, res: Any, ctx: Any) -> None:
    ctx.order.append("second")
    if "abort" in req.queries:
        res.abort({"aborted": ctx.order}, 418)
    if "fail" in req.queries:
        raise RuntimeError("in a hook")


async def last(req: Any, res: Any, ctx: Any) -> None:
    res.headers["x-order"] = " ".join([*ctx.order, "after", res.outcome])


app.BEFORE("/hooked/*", first)
app.BEFORE("/hooked/here", second)
app.AFTER("/hooked/*", last)
app.GET("/hooked/here", lambda req, res, ctx: ctx.order)


@app.GET("/deferred")
async def deferred(req: Any, res: Any, ctx: Any) -> str:
    key = req.queries["key"]

    async def later() -> None:
        await gate(key)
        note(key, "deferred ran")

    res.defer(later)
    return "answered"


@app.GET("/gated")
async def wait_at_gate(req: Any, res: Any, ctx: Any) -> str:
    note(req.queries["key"], "began")
    await gate(req.queries["key"])
    return "done"


@app.GET("/watched", cancel_on_disconnect=True)
async def watched(req: Any, res: Any, ctx: Any) -> None:
    note(req.queries["key"], "began")
    try:
        await asyncio.Event().wait()
    finally:
        note(req.queries["key"], "cancelled")


@app.GET("/variable")
async def variable(req: Any, res: Any, ctx: Any) -> str:
    """What a context variable is, before it is set for this request."""
    found = VARIABLE.get()
    VARIABLE.set("set by a request")
    return found


@app.GET("/barrier")
async def barrier(req: Any, res: Any, ctx: Any) -> str:
    """Answer when all others are here as well."""
    note(req.queries["key"], "came")
    await noted(req.queries["key"], int(req.queries["count"]))
    return req.queries["number"]


# An application inside, with error handlers of its own

rescued = App()
rescued.ON(404, lambda req, res, ctx, error: {"nothing": req.path})
rescued.ON(ZeroDivisionError, lambda req, res, ctx, error: res.out(422, {"error": str(error)}) and None)
rescued.ON(500, lambda req, res, ctx, error: {"sorry": type(error).__name__})
rescued.GET("/divide", lambda req, res, ctx: 1 // 0)
rescued.GET("/crash", crash)
app.mount(rescued, "/rescued")
