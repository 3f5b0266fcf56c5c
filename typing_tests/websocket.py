"""How a handler talks over a WebSocket, as the type checkers see it. Never executed."""

from __future__ import annotations

from typing import Any, Literal, assert_type

from heaven import Context, Receive, Request, Scope, Send, WebSocket


async def attributes(req: Request, ws: WebSocket, ctx: Context) -> None:
    assert_type(ws.scope, Scope)
    assert_type(ws.accepted, bool)
    assert_type(ws.closed, bool)
    assert_type(ws.state, Literal["connecting", "open", "closed"])
    assert_type(ws.close_code, int | None)
    assert_type(ws.close_reason, str)
    assert_type(ws.subprotocols, list[str])


async def handshake(req: Request, ws: WebSocket, ctx: Context) -> None:
    await ws.accept()
    await ws.accept("chat", headers={"x-name": "value"})
    await ws.accept(subprotocol=None, headers=[("x-name", "value")])
    await ws.accept(headers=[(b"x-name", b"value")])
    await ws.deny()
    await ws.deny(401, {"error": "Who are you?"}, headers={"www-authenticate": "Basic"})
    receive, send = ws.hand_over()
    assert_type(receive, Receive)
    assert_type(send, Send)


async def messages(req: Request, ws: WebSocket, ctx: Context) -> None:
    await ws.send_text("hello")
    await ws.send_bytes(b"hello")
    await ws.send_json({"hello": ["you"]})
    await ws.send_text(b"hello")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type(await ws.receive_text(), str)
    assert_type(await ws.receive_bytes(), bytes)
    assert_type(await ws.receive_json(), Any)
    async for message in ws:
        assert_type(message, str | bytes)
        if isinstance(message, str):
            await ws.send_text(message)
        else:
            assert_type(message, bytes)
    await ws.close()
    await ws.close(4000, reason="enough")
