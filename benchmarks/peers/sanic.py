"""Sanic through its ASGI interface (its own server is not measured here)."""

from __future__ import annotations

from typing import Any

from sanic import Request, Sanic, Websocket
from sanic.response import HTTPResponse, json

from benchmarks.workload import CHUNK, CHUNKS, DECODE, DECODE_ORDER, ENCODE, HELLO, HOOKS, TALLY, paths

DISTRIBUTIONS = ("sanic", "sanic-routing")
NOTES = {
    "typed": "no typed bodies without an extension: decoded by hand with msgspec",
    "hooks": "5 request and 5 response middlewares",
}


async def static(request: Request) -> HTTPResponse:
    """`GET /`."""
    return json({"message": HELLO})


async def echo(request: Request) -> HTTPResponse:
    """`POST /echo`."""
    return json(request.json)


async def typed(request: Request) -> HTTPResponse:
    """`POST /typed`."""
    order = DECODE_ORDER(request.body)
    return json({"customer": order.customer, "items": len(order.items)})


async def stream(request: Request) -> None:
    """`GET /stream`."""
    response = await request.respond(content_type="text/plain")
    for _ in range(CHUNKS):
        await response.send(CHUNK)
    await response.eof()


async def websocket(request: Request, ws: Websocket) -> None:
    """`/ws`."""
    while (message := await ws.recv()) is not None:
        await ws.send(message)


def endpoint(count: int) -> Any:
    """A handler of its own for a route with so many parameters."""

    async def none(request: Request) -> HTTPResponse:
        return json({})

    async def one(request: Request, a: int) -> HTTPResponse:
        return json({"a": a})

    async def two(request: Request, a: int, b: int) -> HTTPResponse:
        return json({"a": a, "b": b})

    return (none, one, two)[count]


async def before(request: Request) -> None:
    """A step before."""
    TALLY.before += 1


async def after(request: Request, response: HTTPResponse) -> None:
    """A step after."""
    if response.status == 200:
        TALLY.after += 1


def build(name: str) -> Sanic:
    """An application that neither logs nor asks."""
    app = Sanic(name, dumps=ENCODE, loads=DECODE, configure_logging=False)
    app.config.ACCESS_LOG = False
    app.config.TOUCHUP = True
    return app


def base() -> Any:
    """The scenarios on one path each."""
    app = build("base")
    app.add_route(static, "/")
    app.add_route(echo, "/echo", methods=["POST"])
    app.add_route(typed, "/typed", methods=["POST"])
    app.add_route(stream, "/stream")
    app.add_websocket_route(websocket, "/ws")
    return app


def routes() -> Any:
    """200 routes."""
    app = build("routes")
    for number, (path, count) in enumerate(paths("<a:int>", "<b:int>")):
        app.add_route(endpoint(count), path, name=f"endpoint_{number}")
    return app


def hooks() -> Any:
    """Five request and five response middlewares."""
    app = build("hooks")
    app.add_route(static, "/")
    for _ in range(HOOKS):
        app.register_middleware(step(before), "request")
        app.register_middleware(step(after), "response")
    return app


def step(function: Any) -> Any:
    """A function of its own (Sanic registers the same one only once)."""
    return type(function)(function.__code__, function.__globals__, function.__name__)
