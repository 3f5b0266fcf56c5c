"""BlackSheep, compiled with Cython where its wheel is: handlers of `request`, ready-made Content, dataclass binding."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from blacksheep import (
    Application,
    Content,
    FromJSON,
    Request,
    Response,
    StreamedContent,
    WebSocket,
    WebSocketDisconnectError,
)
from blacksheep.server.routing import Router

from benchmarks.workload import CHUNK, CHUNKS, DECODE, ENCODE, HELLO, HOOKS, TALLY, paths

DISTRIBUTIONS = ("blacksheep",)
NOTES = {
    "typed": "FromJSON[dataclass], its own binder",
    "hooks": "5 middlewares, each a BEFORE and an AFTER",
}


@dataclass
class Item:
    """One line of an order."""

    sku: str
    quantity: int
    price: float


@dataclass
class Order:
    """An order."""

    id: int
    customer: str
    email: str
    items: list[Item]
    note: str | None = None


def respond(value: Any) -> Response:
    """A JSON response without the detour over str that `blacksheep.json` takes."""
    return Response(200, None, Content(b"application/json", ENCODE(value)))


async def static(request: Request) -> Response:
    """`GET /`."""
    return respond({"message": HELLO})


async def echo(request: Request) -> Response:
    """`POST /echo`."""
    return respond(DECODE(await request.read()))


async def typed(order: FromJSON[Order]) -> Response:
    """`POST /typed`."""
    return respond({"customer": order.value.customer, "items": len(order.value.items)})


async def chunks() -> AsyncIterator[bytes]:
    """What `GET /stream` sends."""
    for _ in range(CHUNKS):
        yield CHUNK


async def stream(request: Request) -> Response:
    """`GET /stream`."""
    return Response(200, None, StreamedContent(b"text/plain", chunks))


async def websocket(ws: WebSocket) -> None:
    """`/ws`."""
    await ws.accept()
    try:
        while True:
            await ws.send_text(await ws.receive_text())
    except WebSocketDisconnectError:
        pass


def endpoint(count: int) -> Any:
    """A handler of its own for a route with so many parameters."""

    async def none(request: Request) -> Response:
        return respond({})

    async def one(request: Request) -> Response:
        return respond({"a": int(request.route_values["a"])})

    async def two(request: Request) -> Response:
        values = request.route_values
        return respond({"a": int(values["a"]), "b": int(values["b"])})

    return (none, one, two)[count]


async def step(request: Request, handler: Any) -> Response:
    """One step before and one after."""
    TALLY.before += 1
    response = await handler(request)
    if response.status == 200:
        TALLY.after += 1
    return response


def build() -> Application:
    """An application with a router of its own."""
    return Application(router=Router(), show_error_details=False)


def base() -> Any:
    """The scenarios on one path each."""
    app = build()
    app.router.add_get("/", static)
    app.router.add_post("/echo", echo)
    app.router.add_post("/typed", typed)
    app.router.add_get("/stream", stream)
    app.router.add_ws("/ws", websocket)
    return app


def routes() -> Any:
    """200 routes."""
    app = build()
    for path, count in paths("{int:a}", "{int:b}"):
        app.router.add_get(path, endpoint(count))
    return app


def hooks() -> Any:
    """Five middlewares, ten steps."""
    app = build()
    app.middlewares.extend([step] * HOOKS)
    app.router.add_get("/", static)
    return app
