"""Litestar: typed handlers, msgspec Structs, pure-ASGI middleware."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from litestar import Litestar, Request, WebSocket, get, post, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.response import Stream
from litestar.status_codes import HTTP_200_OK
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks.workload import CHUNK, CHUNKS, HELLO, HOOKS, TALLY, Order, paths

DISTRIBUTIONS = ("litestar", "msgspec")
NOTES = {
    "typed": "msgspec Struct as `data`",
    "hooks": "5 pure-ASGI middlewares (a third of what 5 guards and 5 `before_send` hooks cost)",
}


@get("/")
async def static() -> dict[str, str]:
    """`GET /`."""
    return {"message": HELLO}


@post("/echo", status_code=HTTP_200_OK)
async def echo(request: Request) -> Any:
    """`POST /echo`."""
    return await request.json()


@post("/typed", status_code=HTTP_200_OK)
async def typed(data: Order) -> dict[str, Any]:
    """`POST /typed`."""
    return {"customer": data.customer, "items": len(data.items)}


async def chunks() -> AsyncIterator[bytes]:
    """What `GET /stream` sends."""
    for _ in range(CHUNKS):
        yield CHUNK


@get("/stream", media_type="text/plain")
async def stream() -> Stream:
    """`GET /stream`."""
    return Stream(chunks())


@websocket("/ws")
async def echo_socket(socket: WebSocket) -> None:
    """`/ws`."""
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass


def endpoint(path: str, count: int) -> Any:
    """A handler of its own for a route with so many parameters."""

    async def none() -> dict[str, int]:
        return {}

    async def one(a: int) -> dict[str, int]:
        return {"a": a}

    async def two(a: int, b: int) -> dict[str, int]:
        return {"a": a, "b": b}

    return get(path)((none, one, two)[count])


class Step:
    """A pure-ASGI middleware that does one step before and one after; an AFTER sees the response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        TALLY.before += 1

        def after(message: Message) -> Any:
            if message["type"] == "http.response.start" and message["status"] == 200:
                TALLY.after += 1
            return send(message)

        await self.app(scope, receive, after)


def base() -> Any:
    """The scenarios on one path each."""
    return build([static, echo, typed, stream, echo_socket])


def routes() -> Any:
    """200 routes."""
    return build([endpoint(path, count) for path, count in paths("{a:int}", "{b:int}")])


def hooks() -> Any:
    """Five middlewares, ten steps."""
    return build([static], middleware=[Step] * HOOKS)


def build(handlers: list[Any], **options: Any) -> Litestar:
    """An application without documentation routes and without logging."""
    return Litestar(handlers, openapi_config=None, logging_config=None, debug=False, **options)
