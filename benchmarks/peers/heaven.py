"""Heaven, installed from this repository."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from benchmarks.workload import CHUNK, CHUNKS, HELLO, HOOKS, TALLY, Order, download_path, paths
from heaven import App, Context, Request, Response, WebSocket

DISTRIBUTIONS = ("heaven-core", "msgspec")
NOTES = {
    "typed": "`expects=` a msgspec Struct",
    "hooks": "5 BEFORE and 5 AFTER hooks",
}


async def static(req: Request, res: Response, ctx: Context) -> Any:
    """`GET /`."""
    return {"message": HELLO}


async def echo(req: Request, res: Response, ctx: Context) -> Any:
    """`POST /echo`."""
    return req.json


async def typed(req: Request, res: Response, ctx: Context) -> Any:
    """`POST /typed`."""
    order: Order = req.data
    return {"customer": order.customer, "items": len(order.items)}


async def chunks() -> AsyncIterator[bytes]:
    """What `GET /stream` sends."""
    for _ in range(CHUNKS):
        yield CHUNK


async def stream(req: Request, res: Response, ctx: Context) -> None:
    """`GET /stream`."""
    res.headers["content-type"] = "text/plain"
    res.stream(chunks())


async def websocket(req: Request, ws: WebSocket, ctx: Context) -> None:
    """`/ws`."""
    await ws.accept()
    async for message in ws:
        await ws.send_text(message)


def endpoint(count: int) -> Any:
    """A handler of its own for a route with so many parameters."""

    async def handler(req: Request, res: Response, ctx: Context) -> Any:
        return req.params

    return handler


async def before(req: Request, res: Response, ctx: Context) -> None:
    """A step before."""
    TALLY.before += 1


async def after(req: Request, res: Response, ctx: Context) -> None:
    """A step after."""
    if res.status == 200:
        TALLY.after += 1


def step(function: Any) -> Any:
    """A function of its own: a hook runs at most once a request."""
    return type(function)(function.__code__, function.__globals__, function.__name__)


def base() -> Any:
    """The scenarios on one path each."""
    app = App()
    app.GET("/", static)
    app.POST("/echo", echo)
    app.POST("/typed", typed, expects=Order)
    app.GET("/stream", stream)
    app.WS("/ws", websocket)
    return app


def routes() -> Any:
    """200 routes."""
    app = App()
    for path, count in paths(":a:int", ":b:int"):
        app.GET(path, endpoint(count))
    return app


def hooks() -> Any:
    """Five hooks before, five after."""
    app = App()
    for _ in range(HOOKS):
        app.BEFORE("/*", step(before))
        app.AFTER("/*", step(after))
    app.GET("/", static)
    return app


async def upload_stream(req: Request, res: Response, ctx: Context) -> Any:
    """Count a streamed body."""
    size = 0
    async for chunk in req.stream():
        size += len(chunk)
    return {"size": size}


async def upload_parts(req: Request, res: Response, ctx: Context) -> Any:
    """Count a file that arrives as multipart, part by part."""
    size = 0
    async for part in req.parts():
        async for chunk in part:
            size += len(chunk)
    return {"size": size}


async def download(req: Request, res: Response, ctx: Context) -> None:
    """Send the file."""
    res.file(download_path())


def transfer() -> Any:
    """Uploads and downloads."""
    app = App()
    app.POST("/stream", upload_stream, stream=True, max_body_size=None)
    app.POST("/multipart", upload_parts, stream=True, max_body_size=None)
    app.GET("/download", download)
    return app
