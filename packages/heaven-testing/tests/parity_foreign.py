"""Applications that are not Heaven's: bare ASGI, Starlette, FastAPI and Falcon."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import falcon.asgi
from fastapi import FastAPI, WebSocket
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute

from parity_notes import gate, note

# Bare ASGI: what one is told and may say, word for word


async def raw(scope: Any, receive: Any, send: Any) -> None:
    """Serve HTTP and WebSockets; it has no lifespan, and says so as ASGI wants it: with an exception."""
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan")
    routes = RAW if scope["type"] == "http" else RAW_SOCKETS
    await routes[scope["path"]](scope, receive, send)


def described(scope: Any) -> bytes:
    """Everything a scope says but the ports, as JSON."""
    values = {name: _plain(value) for name, value in scope.items() if name not in ("client", "server", "extensions")}
    for name in ("client", "server"):
        host, port = scope[name]
        values[name] = [host if name == "client" else type(host).__name__, type(port).__name__]
    values["extensions"] = sorted(scope.get("extensions") or ())
    values["types"] = ", ".join(f"{name} {type(value).__name__}" for name, value in sorted(scope.items()))
    return json.dumps(values).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


async def whole(send: Any, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


async def dump(scope: Any, receive: Any, send: Any) -> None:
    await whole(send, 200, described(scope))


async def messages(scope: Any, receive: Any, send: Any) -> None:
    """Tell which messages came, the empty ones too, and what comes once all of the body has been read."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await whole(send, 200, json.dumps([sorted(message), len(body)]).encode())
    note(scope["query_string"].decode(), (await receive())["type"])


async def silent_about_lengths(scope: Any, receive: Any, send: Any) -> None:
    """Leave out everything that may be left out."""
    await receive()
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "more_body": True})
    await send({"type": "http.response.body", "body": b"a", "more_body": True})
    await send({"type": "http.response.body", "body": b"b", "more_body": True})
    await send({"type": "http.response.body"})


async def odd_headers(scope: Any, receive: Any, send: Any) -> None:
    pairs = [
        (b"x-latin", b"caf\xe9"),
        (b"x-empty", b""),
        (b"set-cookie", b"a=1"),
        (b"x-b", b"1"),
        (b"set-cookie", b"b=2"),
    ]
    await whole(send, 299, b"odd", *pairs, (b"content-length", b"3"))


async def fails(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("before the start")


async def fails_after_start(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
    raise RuntimeError("after the start")


async def fails_in_body(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"begun", "more_body": True})
    await gate(scope["query_string"].decode())
    raise RuntimeError("in the body")


async def fails_at_the_end(scope: Any, receive: Any, send: Any) -> None:
    await whole(send, 200, b"complete", (b"content-length", b"8"))
    raise RuntimeError("after the end")


async def sends_to_nobody(scope: Any, receive: Any, send: Any) -> None:
    """Go on sending after the client left; servers let it pass in silence."""
    key = scope["query_string"].decode()
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"begun", "more_body": True})
    note(key, (await receive())["type"])
    await send({"type": "http.response.body", "body": b"for nobody", "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
    note(key, (await receive())["type"])


async def head_with_body(scope: Any, receive: Any, send: Any) -> None:
    """Answer every method the same way; that HEAD gets no content is the server's business."""
    await whole(send, 200, b"content", (b"content-length", b"7"))


async def gzipped(scope: Any, receive: Any, send: Any) -> None:
    import gzip

    body = gzip.compress(b"pressed " * 100, mtime=0)
    await whole(send, 200, body, (b"content-encoding", b"gzip"), (b"content-length", b"%d" % len(body)))


async def closes_connection(scope: Any, receive: Any, send: Any) -> None:
    await whole(send, 200, b"bye", (b"connection", b"close"), (b"content-length", b"3"))


RAW = {
    "/": dump,
    "/scope": dump,
    "/sc\xf6pe/a/b c": dump,
    "/messages": messages,
    "/silent": silent_about_lengths,
    "/odd-headers": odd_headers,
    "/fails": fails,
    "/fails-after-start": fails_after_start,
    "/fails-in-body": fails_in_body,
    "/fails-at-the-end": fails_at_the_end,
    "/sends-to-nobody": sends_to_nobody,
    "/head": head_with_body,
    "/gzip": gzipped,
    "/close": closes_connection,
}


async def socket_dump(scope: Any, receive: Any, send: Any) -> None:
    connect = await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": described(scope).decode(), "bytes": None})
    await send({"type": "websocket.send", "text": None, "bytes": json.dumps(sorted(connect)).encode()})
    await send({"type": "websocket.close"})


async def socket_fails_before(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    raise RuntimeError("before the handshake")


async def socket_fails_after(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    raise RuntimeError("after the handshake")


async def socket_returns(scope: Any, receive: Any, send: Any) -> None:
    """Return without closing."""
    await receive()
    await send({"type": "websocket.accept", "subprotocol": None})


async def socket_denies(scope: Any, receive: Any, send: Any) -> None:
    """Refuse with a response in pieces."""
    await receive()
    start = {"status": 418, "headers": [(b"content-type", b"text/x-tea"), (b"x-pot", b"1"), (b"content-length", b"6")]}
    await send({"type": "websocket.http.response.start", **start})
    await send({"type": "websocket.http.response.body", "body": b"tea", "more_body": True})
    await send({"type": "websocket.http.response.body", "body": b"pot"})


async def socket_close_first(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.close", "code": 4000, "reason": "no"})


async def socket_hears(scope: Any, receive: Any, send: Any) -> None:
    """Note every message, and the keys that have a value."""
    key = scope["query_string"].decode()
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        message = await receive()
        note(key, json.dumps(sorted(name for name, value in message.items() if value is not None)))
        if message["type"] == "websocket.disconnect":
            return


async def socket_sends_to_nobody(scope: Any, receive: Any, send: Any) -> None:
    """Send after the client has left: an OSError, as ASGI wants it."""
    key = scope["query_string"].decode()
    await receive()
    await send({"type": "websocket.accept"})
    note(key, (await receive())["type"])
    try:
        await send({"type": "websocket.send", "text": "anyone?"})
        await asyncio.sleep(0)
        await send({"type": "websocket.send", "text": "anyone?"})
    except OSError:
        note(key, "OSError")


RAW_SOCKETS = {
    "/": socket_dump,
    "/scope": socket_dump,
    "/fails-before": socket_fails_before,
    "/fails-after": socket_fails_after,
    "/returns": socket_returns,
    "/denies": socket_denies,
    "/closes-first": socket_close_first,
    "/hears": socket_hears,
    "/sends-to-nobody": socket_sends_to_nobody,
}

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
