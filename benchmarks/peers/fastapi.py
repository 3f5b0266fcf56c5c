"""FastAPI: responses returned directly (its own advice for speed), pydantic bodies, pure-ASGI middleware."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel
from starlette.middleware import Middleware

from benchmarks.peers.starlette import FastJSON, Step
from benchmarks.workload import CHUNK, CHUNKS, DECODE, HELLO, HOOKS, paths

DISTRIBUTIONS = ("fastapi", "pydantic", "starlette")
NOTES = {
    "typed": "pydantic model",
    "hooks": "5 pure-ASGI middlewares as for Starlette (dependencies cost more)",
}


class Item(BaseModel):
    """One line of an order."""

    sku: str
    quantity: int
    price: float


class Order(BaseModel):
    """An order."""

    id: int
    customer: str
    email: str
    items: list[Item]
    note: str | None = None


def build(**options: Any) -> FastAPI:
    """An application without documentation routes."""
    return FastAPI(openapi_url=None, docs_url=None, redoc_url=None, **options)


async def static() -> JSONResponse:
    """`GET /`."""
    return FastJSON({"message": HELLO})


async def echo(request: Request) -> JSONResponse:
    """`POST /echo`."""
    return FastJSON(DECODE(await request.body()))


async def typed(order: Order) -> JSONResponse:
    """`POST /typed`."""
    return FastJSON({"customer": order.customer, "items": len(order.items)})


async def chunks() -> AsyncIterator[bytes]:
    """What `GET /stream` sends."""
    for _ in range(CHUNKS):
        yield CHUNK


async def stream() -> StreamingResponse:
    """`GET /stream`."""
    return StreamingResponse(chunks(), media_type="text/plain")


async def websocket(ws: WebSocket) -> None:
    """`/ws`."""
    await ws.accept()
    async for text in ws.iter_text():
        await ws.send_text(text)


def endpoint(count: int) -> Any:
    """A handler of its own for a route with so many parameters."""

    async def none() -> JSONResponse:
        return FastJSON({})

    async def one(a: int) -> JSONResponse:
        return FastJSON({"a": a})

    async def two(a: int, b: int) -> JSONResponse:
        return FastJSON({"a": a, "b": b})

    return (none, one, two)[count]


def base() -> Any:
    """The scenarios on one path each."""
    app = build()
    app.get("/")(static)
    app.post("/echo")(echo)
    app.post("/typed")(typed)
    app.get("/stream")(stream)
    app.websocket("/ws")(websocket)
    return app


def routes() -> Any:
    """200 routes."""
    app = build()
    for path, count in paths("{a}", "{b}"):
        app.get(path)(endpoint(count))
    return app


def hooks() -> Any:
    """Five middlewares, ten steps."""
    app = build(middleware=[Middleware(Step) for _ in range(HOOKS)])
    app.get("/")(static)
    return app
