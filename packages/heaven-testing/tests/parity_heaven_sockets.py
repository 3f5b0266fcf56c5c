"""The WebSockets of the main Heaven application of the parity scenarios."""

from __future__ import annotations

import asyncio
from typing import Any

from heaven import HTTPError, WebSocketDisconnected
from parity_heaven import api, app
from parity_notes import gate, note


@app.WS("/ws/echo")
async def echo(req: Any, ws: Any, ctx: Any) -> None:
    await ws.accept()
    async for message in ws:
        await (ws.send_text if isinstance(message, str) else ws.send_bytes)(message)


@app.WS("/ws/json/:name?page:int")
async def json(req: Any, ws: Any, ctx: Any) -> None:
    await ws.accept()
    await ws.send_json({"name": req.params["name"], "page": req.queries.get("page"), "got": await ws.receive_json()})


@app.WS("/ws/choose")
async def choose(req: Any, ws: Any, ctx: Any) -> None:
    offered = ws.subprotocols
    await ws.accept(
        offered[-1] if offered else None, [("x-offered", " ".join(offered)), ("x-many", "1"), ("x-many", "2")]
    )
    await ws.close()


@app.WS("/ws/cookies")
async def cookies(req: Any, ws: Any, ctx: Any) -> None:
    await ws.accept(headers=[("set-cookie", "given=1; Path=/")])
    await ws.send_json(req.cookies)


@app.WS("/ws/deny")
async def deny(req: Any, ws: Any, ctx: Any) -> None:
    await ws.deny(
        401, {"why": "no token"}, headers=[("www-authenticate", "Bearer"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]
    )


@app.WS("/ws/refuse")
async def refuse(req: Any, ws: Any, ctx: Any) -> None:
    await ws.close(4001)


@app.WS("/ws/error")
async def error(req: Any, ws: Any, ctx: Any) -> None:
    raise HTTPError(429, "Slower, please.", headers={"retry-after": "9"})


@app.WS("/ws/crash-before")
async def crash_before(req: Any, ws: Any, ctx: Any) -> None:
    raise RuntimeError("a secret")


@app.WS("/ws/crash-after")
async def crash_after(req: Any, ws: Any, ctx: Any) -> None:
    await ws.accept()
    await ws.send_text("before")
    raise RuntimeError("a secret")


@app.WS("/ws/closes")
async def closes(req: Any, ws: Any, ctx: Any) -> None:
    await ws.accept()
    await ws.send_text("last words")
    await ws.close(4321, "enough, für heute")


@app.WS("/ws/listens")
async def listens(req: Any, ws: Any, ctx: Any) -> None:
    """Note what came, and how it ended."""
    key = req.queries["key"]
    await ws.accept()
    try:
        while True:
            note(key, await ws.receive_text())
    except WebSocketDisconnected as left:
        note(key, f"left {left.code} {left.reason}" if "code" in req.queries else "left")
        raise


@app.WS("/ws/pushes")
async def pushes(req: Any, ws: Any, ctx: Any) -> None:
    await ws.accept()
    for number in range(int(req.queries["count"])):
        await ws.send_text(f"push {number}")
    await ws.close(1000, "done")


@app.WS("/ws/pushes-forever")
async def pushes_forever(req: Any, ws: Any, ctx: Any) -> None:
    """Send until the client is gone."""
    await ws.accept()
    try:
        while True:
            await ws.send_text("more")
            await asyncio.sleep(0.001)
    except WebSocketDisconnected:
        note(req.queries["key"], "left")
        raise


@app.WS("/ws/waits-before")
async def waits_before(req: Any, ws: Any, ctx: Any) -> None:
    """Accept when it is told to, and say something at once."""
    await gate(req.queries["key"])
    await ws.accept()
    await ws.send_text("accepted")


@api.WS("/ws/where")
async def where(req: Any, ws: Any, ctx: Any) -> None:
    await ws.accept()
    await ws.send_json({"host": req.host, "subdomain": req.subdomain, "url": req.url, "queries": req.queries})


@app.WS("/ws/guarded", origins=["https://heaven.test"])
async def guarded(req: Any, ws: Any, ctx: Any) -> None:
    await ws.accept()


@app.WS("/ws/hooked")
async def hooked(req: Any, ws: Any, ctx: Any) -> None:
    await ws.accept()
    await ws.send_text(ctx.said)


async def before(req: Any, res: Any, ctx: Any) -> None:
    if "abort" in req.queries:
        res.headers["x-why"] = "hook"
        res.abort("not you", 403)
    ctx.said = "said by a hook"


async def after(req: Any, res: Any, ctx: Any) -> None:
    note(req.queries["key"], f"after {res.outcome}")


app.BEFORE("/ws/hooked", before)
app.AFTER("/ws/hooked", after)
