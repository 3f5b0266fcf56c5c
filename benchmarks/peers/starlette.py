"""Starlette: function endpoints, a JSONResponse with its own `render` (as its docs show), pure-ASGI middleware."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from benchmarks.workload import (
    CHUNK,
    CHUNKS,
    DECODE,
    DECODE_ORDER,
    ENCODE,
    HELLO,
    HOOKS,
    TALLY,
    download_path,
    paths,
)

DISTRIBUTIONS = ("starlette", "anyio")
NOTES = {
    "typed": "no typed bodies of its own: decoded by hand with msgspec",
    "hooks": "5 pure-ASGI middlewares, each a BEFORE and (by wrapping send) an AFTER",
}


class FastJSON(JSONResponse):
    """JSON through msgspec."""

    def render(self, content: Any) -> bytes:
        return ENCODE(content)


class Step:
    """A pure-ASGI middleware that does one step before and one after.

    An AFTER sees the response, so `send` is wrapped: the form which Starlette's documentation gives.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        TALLY.before += 1

        def after(message: Any) -> Any:
            if message["type"] == "http.response.start" and message["status"] == 200:
                TALLY.after += 1
            return send(message)

        await self.app(scope, receive, after)


async def static(request: Request) -> FastJSON:
    """`GET /`."""
    return FastJSON({"message": HELLO})


async def echo(request: Request) -> FastJSON:
    """`POST /echo`."""
    return FastJSON(DECODE(await request.body()))


async def typed(request: Request) -> FastJSON:
    """`POST /typed`."""
    order = DECODE_ORDER(await request.body())
    return FastJSON({"customer": order.customer, "items": len(order.items)})


async def chunks() -> AsyncIterator[bytes]:
    """What `GET /stream` sends."""
    for _ in range(CHUNKS):
        yield CHUNK


async def stream(request: Request) -> StreamingResponse:
    """`GET /stream`."""
    return StreamingResponse(chunks(), media_type="text/plain")


async def websocket(ws: WebSocket) -> None:
    """`/ws`."""
    await ws.accept()
    async for text in ws.iter_text():
        await ws.send_text(text)


def endpoint(count: int) -> Any:
    """A handler of its own for a route with so many parameters."""

    async def handler(request: Request) -> FastJSON:
        return FastJSON(request.path_params)

    return handler


def base() -> Any:
    """The scenarios on one path each."""
    return Starlette(
        routes=[
            Route("/", static),
            Route("/echo", echo, methods=["POST"]),
            Route("/typed", typed, methods=["POST"]),
            Route("/stream", stream),
            WebSocketRoute("/ws", websocket),
        ]
    )


def routes() -> Any:
    """200 routes."""
    return Starlette(routes=[Route(path, endpoint(count)) for path, count in paths("{a:int}", "{b:int}")])


def hooks() -> Any:
    """Five middlewares, ten steps."""
    return Starlette(routes=[Route("/", static)], middleware=[Middleware(Step) for _ in range(HOOKS)])


async def upload_stream(request: Request) -> FastJSON:
    """Count a streamed body."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return FastJSON({"size": size})


async def upload_form(request: Request) -> FastJSON:
    """Starlette parses the whole form, the file spooled to disk."""
    async with request.form() as form:
        return FastJSON({"size": form["file"].size})


async def download(request: Request) -> FileResponse:
    """Send the file."""
    return FileResponse(download_path())


def transfer() -> Any:
    """Uploads and downloads."""
    return Starlette(
        routes=[
            Route("/stream", upload_stream, methods=["POST"]),
            Route("/multipart", upload_form, methods=["POST"]),
            Route("/download", download),
        ]
    )
