"""Small applications with WebSockets, Heaven's and raw ones."""

from __future__ import annotations

from typing import Any

from heaven import App
from heaven_testing import Client

SOON = 0.05
"""Seconds that a test waits where it waits in vain."""


def serving(handler: Any, path: str = "/ws") -> App:
    app = App()
    app.WS(path, handler)
    return app


def raw(talk: Any) -> Any:
    """An ASGI application that is told `websocket.connect` and then does what `talk` does."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        message = await receive()
        if message != {"type": "websocket.connect"}:
            raise LookupError(message)
        await talk(scope, receive, send)

    return app


async def echo(req: Any, ws: Any, ctx: Any) -> None:
    await ws.accept()
    async for message in ws:
        await (ws.send_text if isinstance(message, str) else ws.send_bytes)(message)


async def tell(req: Any, ws: Any, ctx: Any) -> None:
    """What the application is told of the handshake."""
    await ws.accept()
    await ws.send_json(
        {
            "url": req.scope["path"] + "?" + req.scope["query_string"].decode(),
            "scheme": req.scope["scheme"],
            "server": req.scope["server"],
            "headers": {name: req.headers[name] for name in req.headers},
            "cookies": dict(req.cookies),
        }
    )


async def told(client: Client, url: str = "/ws", **options: Any) -> Any:
    async with client.ws(url, **options) as ws:
        return await ws.receive_json()


async def accepts_and_closes(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close"})
