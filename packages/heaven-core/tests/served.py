"""The application that real servers serve in `test_servers.py`; where its files lie is in the environment."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from heaven import SHUTDOWN, App, HeaderError

TREE = os.environ["HEAVEN_TEST_TREE"]
CANARY = "canary-7f3a"

app = App(slashes="redirect", hosts=["127.0.0.1", "shop.test", "*.shop.test"], max_body_size=400_000)
counted = {"begun": 0, "done": 0}


def note(what: str) -> None:
    """Write something into the server's log, at once."""
    sys.stderr.write(f"{what}\n")
    sys.stderr.flush()


class Item(msgspec.Struct):
    name: str


@app.GET("/hello")
async def hello(req: Any, res: Any, ctx: Any) -> str:
    return "hello"


@app.GET("/slow")
async def slow(req: Any, res: Any, ctx: Any) -> str:
    counted["begun"] += 1
    await asyncio.sleep(0.02)
    counted["done"] += 1
    return "slow " * 1000


@app.GET("/crash/*")
async def crash(req: Any, res: Any, ctx: Any) -> None:
    raise RuntimeError(f"{CANARY} {req.params['*']}")


@app.GET("/header")
async def header(req: Any, res: Any, ctx: Any) -> None:
    try:
        res.headers["x-text"] = req.queries["text"]
    except HeaderError:
        res.status = 400


@app.POST("/parts", stream=True, max_body_size=None)
async def parts(req: Any, res: Any, ctx: Any) -> list[Any]:
    found = []
    async for part in req.parts():
        size = 0
        async for block in part:
            size += len(block)
        found.append([part.name, size])
    return found


@app.GET("/cpu")
async def cpu(req: Any, res: Any, ctx: Any) -> float:
    return time.process_time()


@app.GET("/memory")
async def memory(req: Any, res: Any, ctx: Any) -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def ticks() -> AsyncIterator[Any]:
    try:
        while True:
            yield {"event": "tick", "data": "one\nevent: forged\n\ndata: two"}
            await asyncio.sleep(0.05)
    finally:
        note("TICKS ENDED")


@app.WS("/echo", origins=["https://shop.test"])
async def echo(req: Any, ws: Any, ctx: Any) -> None:
    await ws.accept()
    try:
        async for message in ws:
            await ws.send_text(message)
    finally:
        note("SOCKET ENDED")


app.GET("/events", lambda req, res, ctx: res.events(ticks()) and None)
app.GET("/api/orders/:id:int", lambda req, res, ctx: {"id": req.params["id"]})
app.GET("/folder/:name/", lambda req, res, ctx: "folder")
app.GET("/:one/:two/", lambda req, res, ctx: "two")
app.GET(
    "/seen",
    lambda req, res, ctx: {
        "user": req.headers.get("x-user"),
        "cookies": req.cookies,
        "ip": req.ip,
        "many": len(req.headers.getall("x-many")),
    },
)
app.POST("/json", lambda req, res, ctx: req.json)
app.POST("/typed", lambda req, res, ctx: req.data.name, expects=Item)
app.POST("/form", lambda req, res, ctx: len(req.form))
app.POST("/tag/:tag", lambda req, res, ctx: [req.params["tag"], req.text, req.headers["x-tag"]])
app.ASSETS(TREE, "/files")
app.ON(SHUTDOWN, lambda app: note(f"COUNTED {counted['begun']} {counted['done']}"))
