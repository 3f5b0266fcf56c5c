"""Muffin: ResponseJSON (through orjson, which it picks up by itself), its simple middlewares."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from muffin import Application, Request, ResponseJSON, ResponseStream, ResponseWebSocket

from benchmarks.workload import CHUNK, CHUNKS, DECODE_ORDER, HELLO, HOOKS, TALLY, paths

DISTRIBUTIONS = ("muffin", "asgi-tools", "http-router", "orjson")
NOTES = {
    "typed": "no typed bodies of its own: decoded by hand with msgspec",
    "hooks": "5 middlewares, each a BEFORE and an AFTER",
}


async def static(request: Request) -> Any:
    """`GET /`."""
    return ResponseJSON({"message": HELLO})


async def echo(request: Request) -> Any:
    """`POST /echo`."""
    return ResponseJSON(await request.json())


async def typed(request: Request) -> Any:
    """`POST /typed`."""
    order = DECODE_ORDER(await request.body())
    return ResponseJSON({"customer": order.customer, "items": len(order.items)})


async def chunks() -> AsyncIterator[bytes]:
    """What `GET /stream` sends."""
    for _ in range(CHUNKS):
        yield CHUNK


async def stream(request: Request) -> ResponseStream:
    """`GET /stream`."""
    return ResponseStream(chunks(), content_type="text/plain")


async def websocket(request: Request) -> None:
    """`/ws`."""
    ws = ResponseWebSocket(request)
    await ws.accept()
    while True:
        message = await ws.receive(raw=True)
        if message["type"] == "websocket.disconnect":
            break
        await ws.send(message["text"])


def endpoint(count: int) -> Any:
    """A handler of its own for a route with so many parameters."""

    async def handler(request: Request) -> Any:
        return ResponseJSON(dict(request.path_params))

    return handler


def step() -> Any:
    """One step before and one after."""

    async def middleware(handler: Any, request: Any, receive: Any, send: Any) -> Any:
        TALLY.before += 1
        response = await handler(request, receive, send)
        if response.status_code == 200:
            TALLY.after += 1
        return response

    return middleware


def base() -> Any:
    """The scenarios on one path each."""
    app = Application("base")
    app.route("/")(static)
    app.route("/echo", methods=["POST"])(echo)
    app.route("/typed", methods=["POST"])(typed)
    app.route("/stream")(stream)
    app.route("/ws")(websocket)
    return app


def routes() -> Any:
    """200 routes."""
    app = Application("routes")
    for path, count in paths("{a:int}", "{b:int}"):
        app.route(path, methods=["GET"])(endpoint(count))
    return app


def hooks() -> Any:
    """Five middlewares, ten steps."""
    app = Application("hooks")
    for _ in range(HOOKS):
        app.middleware(step())
    app.route("/")(static)
    return app
