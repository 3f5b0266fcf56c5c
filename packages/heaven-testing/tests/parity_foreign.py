"""Applications that are not Heaven's: Starlette, FastAPI and Falcon."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import falcon.asgi
from fastapi import FastAPI, WebSocket
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute

# Starlette


async def hello(request: Request) -> JSONResponse:
    return JSONResponse({"message": "Hello, world"})


async def read(request: Request) -> PlainTextResponse:
    form = await request.form()
    return PlainTextResponse(f"{request.path_params['id']} {form['name']} {request.query_params.getlist('q')}")


async def streamed(request: Request) -> StreamingResponse:
    async def numbers() -> AsyncIterator[str]:
        for number in range(5):
            yield f"{number}\n"

    return StreamingResponse(numbers(), media_type="text/plain")


async def broken(request: Request) -> None:
    raise RuntimeError("a secret")


async def chat(websocket: Any) -> None:
    await websocket.accept(subprotocol="chat")
    async for text in websocket.iter_text():
        await websocket.send_text(text[::-1])


starlette = Starlette(
    routes=[
        Route("/", hello),
        Route("/items/{id:int}", read, methods=["POST"]),
        Route("/streamed", streamed),
        Route("/broken", broken),
        WebSocketRoute("/chat", chat),
    ]
)

# FastAPI

fastapi = FastAPI()


class Item(BaseModel):
    """A typed body."""

    name: str
    price: float


@fastapi.get("/")
async def fastapi_hello() -> dict[str, str]:
    return {"message": "Hello, world"}


@fastapi.post("/items/{number}", status_code=201)
async def fastapi_create(number: int, item: Item) -> dict[str, Any]:
    return {"number": number, "name": item.name}


@fastapi.websocket("/ws")
async def fastapi_socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json({"got": await websocket.receive_json()})
    await websocket.close(4000, "done")


# Falcon


class Hello:
    """Answer `GET /`."""

    async def on_get(self, req: Any, resp: Any) -> None:
        resp.media = {"message": "Hello, world"}


class Thing:
    """Take JSON, and give it back with what the path says."""

    async def on_put(self, req: Any, resp: Any, number: int) -> None:
        resp.status = falcon.HTTP_202
        resp.media = {"number": number, "given": await req.get_media()}

    async def on_websocket(self, req: Any, ws: Any, number: int) -> None:
        await ws.accept()
        await ws.send_text(f"{number} {await ws.receive_text()}")


falcon_app = falcon.asgi.App()
falcon_app.add_route("/", Hello())
falcon_app.add_route("/things/{number:int}", Thing())
